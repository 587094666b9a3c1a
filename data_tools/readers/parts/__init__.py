"""What several readers share: tables, columns, arrays, images."""
