"""How long meta-gradients take, beside other ways to compute them and beside what is possible."""
