"""What is true of a GraphDef, whoever runs it. Nothing here needs TensorFlow."""
