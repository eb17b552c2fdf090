"""What breaks under control's feet: it is killed wherever it writes, and what it has said stays true."""
