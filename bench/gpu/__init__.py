"""`make gpu-check`: whether the GPU path computes rightly and fast, in one table, within ten minutes."""
