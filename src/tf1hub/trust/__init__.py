"""What a module can do, known before it does it, and what is refused until the user allows it. Without TensorFlow."""
