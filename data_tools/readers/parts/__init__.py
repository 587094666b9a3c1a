"""What several readers share: tables, columns, arrays and images."""
