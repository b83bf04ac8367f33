"""Privacy (PIPL): what is stored about people, a copy of it for them, its deletion, its end.

declared   every table and column with personal data: why, for how long, what export and deletion do
retention  how long each kind of data is kept, and who forgets it then
export     everything about one person, row by row
erasure    a person's wish to be deleted: what stands in its way, and doing it
"""
