"""What Beam, Ray and Spark have in common: a table in, the same table with the outputs of a module out."""
