"""What /proc says about the processes and listening sockets of this machine."""
