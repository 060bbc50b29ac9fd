"""Numbers confirm: is a gradient the derivative that it is said to be?"""
