"""The trick: scalar derivatives, arrangements that fit, numbers that choose, the chain rule."""
