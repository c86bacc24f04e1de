-- A store of revision 0003 that ended while replies were written: none of them had a place.
INSERT INTO stories (id, platform, room_id, title, created_at, changed_at, within, lore)
VALUES ('s1', 'web', 'moon', '題', '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00', '[]', '[]'),
  ('s2', 'web', 'sea', '題', '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00', '[]', '[]');

INSERT INTO passages (id, story_id, parent_id, author_platform, author_id, author_name, author_locale,
  text, choice, created_at)
VALUES
  ('p1', 's1', NULL, 'web', 'aki', '秋', 'ja', '一。', 0, '2026-01-01 00:00:01+00'),
  ('p2', 's1', 'p1', 'web', 'aki', '秋', 'ja', '三。', 0, '2026-01-01 00:00:03+00'),
  ('p3', 's1', 'p2', 'web', 'aki', '秋', 'ja', '四。', 0, '2026-01-01 00:00:04+00'),
  ('q1', 's2', NULL, 'web', 'aki', '秋', 'ja', '海。', 0, '2026-01-01 00:00:01+00'),
  ('q2', 's2', 'q1', 'tsuzuki', 'model', '続き', 'ja', '波。', 0, '2026-01-01 00:00:02+00'),
  ('q3', 's2', 'q2', 'web', 'aki', '秋', 'ja', '泡。', 0, '2026-01-01 00:00:04+00');

UPDATE stories SET head_id = 'p3' WHERE id = 's1';

UPDATE stories SET head_id = 'q3' WHERE id = 's2';

INSERT INTO jobs (id, story_id, platform, room_id, author_platform, author_id, author_name, author_locale,
  length, preset, candidates, asked_seed, seed, state, attempts, reason, created_at, changed_at, instead_of, within)
VALUES
  ('running', 's1', 'web', 'moon', 'web', 'aki', '秋', 'ja', 'long', 'bold', 1, 5, 5,
   'running', 1, '', '2026-01-01 00:00:01+00', '2026-01-01 00:00:02+00', NULL, '[]'),
  ('waiting', 's1', 'web', 'moon', 'web', 'aki', '秋', 'ja', 'long', 'bold', 1, 5, 5,
   'waiting', 0, '', '2026-01-01 00:00:03+00', '2026-01-01 00:00:03+00', NULL, '[]'),
  ('retry', 's2', 'web', 'sea', 'web', 'aki', '秋', 'ja', 'long', 'bold', 1, 5, 5,
   'waiting', 2, '', '2026-01-01 00:00:03+00', '2026-01-01 00:00:03+00', 'q2', '[]');
