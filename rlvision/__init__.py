"""rlvision: deep Q-learning from pixels."""
