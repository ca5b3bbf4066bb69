"""The pages, fetched as a browser would fetch them and read as documents."""
