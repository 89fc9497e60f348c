"""`Predictor`: a module as a function of arrays, on any engine."""
