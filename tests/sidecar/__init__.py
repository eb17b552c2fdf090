"""The sidecar as a process: settings, command, life, certificate, door, workers."""
