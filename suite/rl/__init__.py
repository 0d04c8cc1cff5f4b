"""Meta-reinforcement learning (paper, section 5.3): policy, sampling, inner and outer step."""
