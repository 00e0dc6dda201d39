"""The program `iroko`: one command for everything, each part of which is loaded when it is asked for."""
