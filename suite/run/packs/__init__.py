"""Trainings and weights that leave the machine they were made on."""
