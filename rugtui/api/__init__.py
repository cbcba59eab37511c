"""The Python API behind `import rugtui`, on which the command line is built."""
