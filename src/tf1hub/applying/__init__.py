"""`tf1hub.apply`: a module applied to everything that a table, a folder or a file of records holds."""
