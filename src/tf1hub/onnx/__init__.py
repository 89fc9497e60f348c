"""A program lowered to ONNX, with core operators only. Nothing here needs TensorFlow."""
