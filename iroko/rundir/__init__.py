"""A run on disk: config, folder, manifest, provenance, reader."""
