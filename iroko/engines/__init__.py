"""Networks that can be stepped: `base` is their interface, `open` opens one by name."""
