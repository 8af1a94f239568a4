"""What is learnt: interactions, factors, audience embeddings, conversion, exposure."""
