"""What this process may use of its machine, and how other processes of it are told apart; without torch and Ray."""
