"""``glassgate look``: what the gate saw in one picture, for whoever asks why it was refused."""
