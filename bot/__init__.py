"""Tsuzuki: write a Japanese story together with XGLM."""
