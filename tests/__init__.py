"""Tests of vpsdeploy."""
