"""The paper's figures and studies of several runs: values first, then drawing."""
