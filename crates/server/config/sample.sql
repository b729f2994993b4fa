-- A small site of posts and their authors, made up for this project.

CREATE TABLE authors (
  id   INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  bio  TEXT NOT NULL DEFAULT ''
);

CREATE TABLE posts (
  id        INTEGER PRIMARY KEY,
  author_id INTEGER NOT NULL DEFAULT 1 REFERENCES authors (id),
  title     TEXT NOT NULL DEFAULT '',
  content   TEXT NOT NULL,
  likes     INTEGER NOT NULL DEFAULT 0
);

CREATE INDEX posts_by_author ON posts (author_id);

INSERT INTO authors (id, name, bio) VALUES
  (1, 'Mara Lindqvist', 'Keeps bees and a log of every spring.'),
  (2, 'Teo Baptista', 'Repairs radios nobody else will touch.'),
  (3, 'Ines Okafor', 'Draws maps of places that moved.'),
  (4, 'Jonah Feld', 'Bakes at night, writes at noon.'),
  (5, 'Priya Nandan', 'Counts birds for the estuary survey.'),
  (6, 'Silas Wren', 'Sails badly, often.'),
  (7, 'Aiko Tran', 'Builds clocks that are wrong on purpose.'),
  (8, 'Dora Meszaros', 'Runs the last film lab in town.');

INSERT INTO posts (id, author_id, title, content) VALUES
  (1, 1, 'First swarm', 'The first swarm of the year left at ten past nine.'),
  (2, 1, 'Frost', 'Frost on the lids, and still a hum inside.'),
  (3, 1, 'Lime flower', 'The limes are out; the hives smell of green tea.'),
  (4, 1, 'Two queens', 'Two queens in one box, and no quarrel yet.'),
  (5, 1, 'Winter count', 'Eleven hives went in. Eleven came out.'),
  (6, 2, 'A dead valve', 'The valve was fine. The socket had been lying for forty years.'),
  (7, 2, 'Static', 'Chased a crackle for two days. It was the lamp.'),
  (8, 2, 'Short wave', 'Heard a harbour pilot from another ocean at dawn.'),
  (9, 2, 'Solder', 'Never trust a joint that shines only on one side.'),
  (10, 2, 'The box in the attic', 'Somebody''s grandfather kept every receipt and no diagram.'),
  (11, 3, 'The moving shore', 'The shore is sixty metres east of its own map.'),
  (12, 3, 'Names', 'Three villages share a name and none will give it up.'),
  (13, 3, 'Contour', 'A contour line is a promise about rain.'),
  (14, 3, 'North', 'North moved again; I only changed the label.'),
  (15, 3, 'The lost ford', 'Found the ford by asking where the cows stop.'),
  (16, 4, 'Rye', 'Rye wants patience and gets a radio play instead.'),
  (17, 4, 'Oven two', 'Oven two runs hot on the left, like me.'),
  (18, 4, 'Forty loaves', 'Forty loaves by four, and one for the fox.'),
  (19, 4, 'Salt', 'Forgot the salt once, in March. People still mention it.'),
  (20, 4, 'Sourdough', 'The starter is older than the lease.'),
  (21, 5, 'Knots', 'Nine hundred knots on the mud, all facing the wind.'),
  (22, 5, 'A rare guest', 'One spoonbill, two arguments about it.'),
  (23, 5, 'Fog day', 'Counted by ear today: curlew, curlew, ferry.'),
  (24, 5, 'Rings', 'The ring said 1998. The gull said nothing.'),
  (25, 5, 'Tide table', 'The birds read the tide table better than the committee.'),
  (26, 6, 'Aground', 'Aground at noon, with witnesses.'),
  (27, 6, 'New sail', 'The new sail is loud and does not forgive.'),
  (28, 6, 'Harbour fee', 'Paid the harbour fee in herring, as is tradition.'),
  (29, 6, 'Leak', 'It is not a leak, it is a feature of the bilge.'),
  (30, 6, 'Race day', 'Finished last, so I saw all the boats.'),
  (31, 7, 'Thirteen', 'Made a clock with thirteen hours; meetings got shorter.'),
  (32, 7, 'Slow', 'This one loses a minute whenever somebody looks.'),
  (33, 7, 'Escapement', 'An escapement is a door that counts.'),
  (34, 7, 'Brass', 'Brass remembers every thumb.'),
  (35, 7, 'Noon', 'At noon it strikes once, out of spite.'),
  (36, 8, 'Fixer', 'The fixer ran out, so the harbour stays latent till Monday.'),
  (37, 8, 'Grain', 'Pushed it two stops and found the grain I was looking for.'),
  (38, 8, 'Negatives', 'A shoebox of negatives: one wedding, four dogs.'),
  (39, 8, 'Red light', 'Under the red light everyone is calm.'),
  (40, 8, 'Last roll', 'They say this is the last roll. They said so in May.');
