"""From a CT volume to the features that a network takes: inputs, encoders behind one contract, and their cache."""
