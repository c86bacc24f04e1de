"""The tests of Tsuzuki."""
