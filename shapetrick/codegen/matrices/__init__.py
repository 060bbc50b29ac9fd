"""A plan as text in languages whose arrays are matrices: Octave and C++ with Eigen."""
