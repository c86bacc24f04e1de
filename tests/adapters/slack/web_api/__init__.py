"""Tests of the Web API's parts."""
