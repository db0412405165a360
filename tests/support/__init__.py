"""What tests share: generators of documents, fixtures, fakes."""
