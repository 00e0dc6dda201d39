"""TCP as Linux has it: sender, receiver and timers, which every TCP transport shares."""
