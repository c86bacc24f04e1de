-- A store of revision 0002: a story of three passages, a candidate that was not chosen, and a reply.
INSERT INTO stories (id, platform, room_id, title, created_at, changed_at)
VALUES ('s1', 'web', 'moon', '題', '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00');

INSERT INTO jobs (id, story_id, platform, room_id, author_platform, author_id, author_name, author_locale,
  length, preset, candidates, asked_seed, seed, state, attempts, reason, created_at, changed_at)
VALUES ('j1', 's1', 'web', 'moon', 'web', 'aki', '秋', 'ja',
  'long', 'bold', 2, 5, 5, 'done', 1, '', '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00');

INSERT INTO passages (id, story_id, parent_id, author_platform, author_id, author_name, author_locale,
  text, job_id, choice, created_at)
VALUES
  ('p1', 's1', NULL, 'web', 'aki', '秋', 'ja', '一。', NULL, 0, '2026-01-01 00:00:00+00'),
  ('p2', 's1', 'p1', 'tsuzuki', 'model', '続き', 'ja', '二。', 'j1', 0, '2026-01-01 00:00:00+00'),
  ('p2b', 's1', 'p1', 'tsuzuki', 'model', '続き', 'ja', '弐。', 'j1', 1, '2026-01-01 00:00:00+00'),
  ('p3', 's1', 'p2', 'web', 'aki', '秋', 'ja', '三。', NULL, 0, '2026-01-01 00:00:00+00');

UPDATE stories SET head_id = 'p3';

INSERT INTO outbox (job_id, part, platform, room_id, message_id, state, text, note, choices, delivered, changed_at)
VALUES ('j1', 0, 'web', 'moon', 'm1', 'done', '二。', '注', '["弐。", "消。"]', TRUE, '2026-01-01 00:00:00+00');
