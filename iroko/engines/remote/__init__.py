"""An engine in another process: its channel, and the engine at the near end."""
