"""The lesson: the steps as on paper, and the look-alikes."""
