"""What is proper to members with indices: recurrences, schedules, unrolling, saved values."""
