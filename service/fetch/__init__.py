"""Remote media: fetched once by the gate, from addresses that may be asked, and from no other."""
