"""May they: tests of ``sidecar.authz``."""
