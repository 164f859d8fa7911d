"""What people write today, each a process: URL OUT. Each prints what it stored, as JSON."""
