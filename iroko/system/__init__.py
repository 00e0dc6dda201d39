"""This machine: processes, files and folders that others may write, privileges, caches."""
