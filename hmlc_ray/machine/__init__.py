"""What this process may use of its machine, and the identity of other processes on it; without torch and Ray."""
