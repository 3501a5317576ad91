"""A model to try the gate with: speaks each dialect, and answers from what it was sent."""
