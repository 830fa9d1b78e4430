"""Real servers by several launchers on one host with GPUs, watched by the exporter beside them."""
