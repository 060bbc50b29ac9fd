"""What names mean, which shapes everything has, and the expressions that nodes stand for."""
