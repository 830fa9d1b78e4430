"""The plan of an upgrade: steps, the hours they take, the command and the gate. Pure."""
