"""The parts of the Python engine. The name is private: a guest may have modules of any other."""
