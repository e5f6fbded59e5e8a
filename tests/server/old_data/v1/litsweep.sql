BEGIN TRANSACTION;
CREATE TABLE agents (
	id INTEGER NOT NULL, 
	sweep_id INTEGER NOT NULL, 
	name VARCHAR(32) NOT NULL, 
	host TEXT NOT NULL, 
	exited INTEGER NOT NULL, 
	created_at DOUBLE NOT NULL, 
	heartbeat_at DOUBLE NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(sweep_id) REFERENCES sweeps (id) ON DELETE CASCADE, 
	UNIQUE (name)
);
INSERT INTO "agents" VALUES(1,1,'bo1uofhg','vm',1,1.79581520151955795292e+09,1.79581523957847452163e+09);
CREATE TABLE artifact_aliases (
	id INTEGER NOT NULL, 
	collection_id INTEGER NOT NULL, 
	alias VARCHAR(128) NOT NULL, 
	membership_id INTEGER NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (collection_id, alias), 
	FOREIGN KEY(collection_id) REFERENCES artifact_collections (id) ON DELETE CASCADE, 
	FOREIGN KEY(membership_id) REFERENCES artifact_memberships (id) ON DELETE CASCADE
);
INSERT INTO "artifact_aliases" VALUES(1,1,'best',1);
INSERT INTO "artifact_aliases" VALUES(2,1,'latest',1);
CREATE TABLE artifact_collections (
	id INTEGER NOT NULL, 
	project_id INTEGER NOT NULL, 
	name VARCHAR(128) NOT NULL, 
	type VARCHAR(128) NOT NULL, 
	is_portfolio BOOLEAN NOT NULL, 
	description TEXT, 
	tags TEXT NOT NULL, 
	next_version INTEGER NOT NULL, 
	created_at DOUBLE NOT NULL, 
	updated_at DOUBLE NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (project_id, name), 
	FOREIGN KEY(project_id) REFERENCES projects (id) ON DELETE CASCADE
);
INSERT INTO "artifact_collections" VALUES(1,1,'model','model',0,NULL,'[]',1,1.79581524046423268315e+09,1.795815240496830225e+09);
CREATE TABLE artifact_files (
	artifact_id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	size BIGINT, 
	ref TEXT, 
	blob VARCHAR(32), 
	PRIMARY KEY (artifact_id, name), 
	FOREIGN KEY(artifact_id) REFERENCES artifacts (id) ON DELETE CASCADE, 
	FOREIGN KEY(blob) REFERENCES blobs ("key")
);
INSERT INTO "artifact_files" VALUES(1,'weights.txt','W6SLblp8TUkw/aJW9BHlWw==',5,NULL,'53c3b1182910a7483180629e0770ce41');
CREATE TABLE artifact_manifests (
	id INTEGER NOT NULL, 
	artifact_id INTEGER NOT NULL, 
	type VARCHAR(16) NOT NULL, 
	base_id INTEGER, 
	digest VARCHAR(128) NOT NULL, 
	blob VARCHAR(32) NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(artifact_id) REFERENCES artifacts (id) ON DELETE CASCADE, 
	FOREIGN KEY(blob) REFERENCES blobs ("key")
);
INSERT INTO "artifact_manifests" VALUES(1,1,'FULL',NULL,'cfXQbP5uhQ1ojmPaewQGFQ==','aca753e7caf591bd29d1a502266fc013');
CREATE TABLE artifact_memberships (
	id INTEGER NOT NULL, 
	collection_id INTEGER NOT NULL, 
	artifact_id INTEGER NOT NULL, 
	version_index INTEGER NOT NULL, 
	created_at DOUBLE NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (collection_id, version_index), 
	UNIQUE (collection_id, artifact_id), 
	FOREIGN KEY(collection_id) REFERENCES artifact_collections (id) ON DELETE CASCADE, 
	FOREIGN KEY(artifact_id) REFERENCES artifacts (id) ON DELETE CASCADE
);
INSERT INTO "artifact_memberships" VALUES(1,1,1,0,1.79581524049646282193e+09);
CREATE TABLE artifact_repeats (
	run_id INTEGER NOT NULL, 
	artifact_id INTEGER NOT NULL, 
	PRIMARY KEY (run_id, artifact_id), 
	FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE, 
	FOREIGN KEY(artifact_id) REFERENCES artifacts (id) ON DELETE CASCADE
);
CREATE TABLE artifact_uses (
	run_id INTEGER NOT NULL, 
	artifact_id INTEGER NOT NULL, 
	used_as TEXT, 
	PRIMARY KEY (run_id, artifact_id), 
	FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE, 
	FOREIGN KEY(artifact_id) REFERENCES artifacts (id) ON DELETE CASCADE
);
INSERT INTO "artifact_uses" VALUES(8,1,NULL);
CREATE TABLE artifacts (
	id INTEGER NOT NULL, 
	collection_id INTEGER NOT NULL, 
	run_id INTEGER, 
	state VARCHAR(16) NOT NULL, 
	digest VARCHAR(128) NOT NULL, 
	description TEXT, 
	metadata TEXT, 
	tags TEXT NOT NULL, 
	aliases TEXT NOT NULL, 
	history_step BIGINT, 
	ttl_seconds BIGINT, 
	client_id VARCHAR(128), 
	distributed_id VARCHAR(128), 
	size BIGINT NOT NULL, 
	file_count INTEGER NOT NULL, 
	created_at DOUBLE NOT NULL, 
	updated_at DOUBLE NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(collection_id) REFERENCES artifact_collections (id) ON DELETE CASCADE, 
	FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE SET NULL
);
INSERT INTO "artifacts" VALUES(1,1,7,'COMMITTED','0cb47e94a6c6624fd66150a724034aec',NULL,'{"layers":3}','[]','["best", "latest"]',11,NULL,'u5qx2g902ac0qqdsk1qul1tye8odkko53xnetyj9samqndh2xlt7szdbqufz60h1sdvqtzzvgn9gfuwpjopx3kyiv3o0exwlig25kwl05c8qox7362d1u3u3xfwj8e7r',NULL,5,1,1.79581524046741318706e+09,1.79581524049549794194e+09);
CREATE TABLE blobs (
	"key" VARCHAR(32) NOT NULL, 
	announced_md5 VARCHAR(32), 
	md5 VARCHAR(32), 
	size BIGINT, 
	stored_at DOUBLE, 
	PRIMARY KEY ("key")
);
INSERT INTO "blobs" VALUES('8a071b03bcab255364dcf9c50990db5d',NULL,'ISXkjWJ21mD7vmMivO9Ijg==',15,1.79581520877362227437e+09);
INSERT INTO "blobs" VALUES('a128c2db21f55783c628387e1abaae4a',NULL,'NycfNRFMlwP/eez2VuiVGg==',133,1.79581520877189898489e+09);
INSERT INTO "blobs" VALUES('5b48157b63dfa55048032c4dfdb361c6',NULL,'NSgBSqjdq82bswFarnx3UQ==',321,1.79581520877282333368e+09);
INSERT INTO "blobs" VALUES('4241049a81540795fd7f9b316847a8e0',NULL,'Rl1F/AX/UaaKvmJ15i5Qtw==',322,1.79581521392221951484e+09);
INSERT INTO "blobs" VALUES('cd57d1a11e0bc8cded55d2de348a39fb',NULL,'xWmcZozG0zdOa2IwjPK3dw==',15,1.79581521392351913454e+09);
INSERT INTO "blobs" VALUES('e8d0259b08659ce1e2d950a9fce41c2f',NULL,'4qxgRjnU78mYrZxqx+AGEw==',135,1.79581521392288589481e+09);
INSERT INTO "blobs" VALUES('772187ca90a86f58208e068bd5b2023f',NULL,'xWmcZozG0zdOa2IwjPK3dw==',15,1.79581521916811490059e+09);
INSERT INTO "blobs" VALUES('1e8fd05b038a3610299d82c23645f305',NULL,'tgT4SMu5F0vrt1cQhA/VoQ==',134,1.79581521916748738289e+09);
INSERT INTO "blobs" VALUES('19e83791e68512a2b3979d1982b643a3',NULL,'hyQjRS29tyXOBHI+qR+FDg==',322,1.79581521916648340227e+09);
INSERT INTO "blobs" VALUES('ddb71de52fdf04e70d2dc1aff492f25e',NULL,'l5l+8jBwR3E226gJJa0FoA==',14,1.79581522443576502802e+09);
INSERT INTO "blobs" VALUES('3bdcf00b5aa2ad76328a5b2f73c545eb',NULL,'N6kHySpZ3qrVFqeJdkW+3A==',135,1.79581522443624663353e+09);
INSERT INTO "blobs" VALUES('d8aec5672b92e50f82eae2662cc3de33',NULL,'5BXDJZNR71OHPRwLl3dvuA==',320,1.79581522443695425989e+09);
INSERT INTO "blobs" VALUES('834374f625abb383a29ccb5d63eaaa7b',NULL,'xWmcZozG0zdOa2IwjPK3dw==',15,1.7958152296621744632e+09);
INSERT INTO "blobs" VALUES('8e977d0cac1ca439da599a7b4123bd06',NULL,'TomcFez8X4TANy7VOoZ8Zg==',133,1.79581522966267228126e+09);
INSERT INTO "blobs" VALUES('64beb55a47c414af6d4c018222fa963d',NULL,'V2xNAeAkQLNOsaoBjIKPMw==',320,1.79581522966145563121e+09);
INSERT INTO "blobs" VALUES('e65454b9de79b7907f6888ce28670c98',NULL,'ZH2ZytqsRu9d9Gdazb79Iw==',135,1.7958152351266753674e+09);
INSERT INTO "blobs" VALUES('cd198633859e4d738634333401cbfb55',NULL,'rerZVf0+RockaQNLrW6dnw==',322,1.79581523512534928319e+09);
INSERT INTO "blobs" VALUES('ad4179e0815da42586f8cc7f6333b946',NULL,'ISXkjWJ21mD7vmMivO9Ijg==',15,1.79581523512602472302e+09);
INSERT INTO "blobs" VALUES('aca753e7caf591bd29d1a502266fc013',NULL,'cfXQbP5uhQ1ojmPaewQGFQ==',301,1.79581524049254369736e+09);
INSERT INTO "blobs" VALUES('53c3b1182910a7483180629e0770ce41','W6SLblp8TUkw/aJW9BHlWw==','W6SLblp8TUkw/aJW9BHlWw==',5,1.79581524048817849159e+09);
INSERT INTO "blobs" VALUES('dbd6acdf7e58b53a2150acca6a4a921a',NULL,'CV6lZHIZuX/Xwug1phe0Kw==',118,1.79581524093789505957e+09);
INSERT INTO "blobs" VALUES('f38a68c8ad6c4ce441f77deb283eabef',NULL,'Nk3bTLy73YTcCia/EssGgg==',402,1.79581524093912220005e+09);
INSERT INTO "blobs" VALUES('c065a2ecb0a24f10efe611f48f8cbac9',NULL,'TYtghPPRZ7dsrGaiKpG+Ag==',4,1.79581524093855071071e+09);
INSERT INTO "blobs" VALUES('b7c5147c3a0f67fc874e454b8aef1e8a',NULL,'asQdWNckyNNIBB7sXJRP1w==',101,1.79581524093709111208e+09);
INSERT INTO "blobs" VALUES('6a88c883e8e98f7250ae262a26134b02',NULL,'h2TNn8SvFOYuXVkz+zq1Ig==',89,1.7958152410340046882e+09);
INSERT INTO "blobs" VALUES('255dc908790169b3df56cfa33b08aa66',NULL,'O5twV7T++6tA3Hch/AElXA==',334,1.7958152410334997177e+09);
INSERT INTO "blobs" VALUES('2b3cf50ea2a099b096fc92dbe4328521',NULL,'UV6OZqzhOsmOoJYIxsLH/Q==',87,1.79581524107727146149e+09);
INSERT INTO "blobs" VALUES('31ebb5504d1a33c0e7c8136a167321e6',NULL,'cIhfYSeQvfoZ0wHiiWosdw==',265,1.79581524107780027385e+09);
CREATE TABLE projects (
	id INTEGER NOT NULL, 
	entity VARCHAR(128) NOT NULL, 
	name VARCHAR(128) NOT NULL, 
	description TEXT, 
	created_at DOUBLE NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (entity, name)
);
INSERT INTO "projects" VALUES(1,'local','p',NULL,1.7958152005968430042e+09);
CREATE TABLE run_files (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	blob VARCHAR(32) NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (run_id, name), 
	FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE, 
	FOREIGN KEY(blob) REFERENCES blobs ("key")
);
INSERT INTO "run_files" VALUES(1,1,'output.log','8a071b03bcab255364dcf9c50990db5d');
INSERT INTO "run_files" VALUES(2,1,'wandb-summary.json','a128c2db21f55783c628387e1abaae4a');
INSERT INTO "run_files" VALUES(3,1,'config.yaml','5b48157b63dfa55048032c4dfdb361c6');
INSERT INTO "run_files" VALUES(4,2,'config.yaml','4241049a81540795fd7f9b316847a8e0');
INSERT INTO "run_files" VALUES(5,2,'output.log','cd57d1a11e0bc8cded55d2de348a39fb');
INSERT INTO "run_files" VALUES(6,2,'wandb-summary.json','e8d0259b08659ce1e2d950a9fce41c2f');
INSERT INTO "run_files" VALUES(7,3,'output.log','772187ca90a86f58208e068bd5b2023f');
INSERT INTO "run_files" VALUES(8,3,'wandb-summary.json','1e8fd05b038a3610299d82c23645f305');
INSERT INTO "run_files" VALUES(9,3,'config.yaml','19e83791e68512a2b3979d1982b643a3');
INSERT INTO "run_files" VALUES(10,4,'output.log','ddb71de52fdf04e70d2dc1aff492f25e');
INSERT INTO "run_files" VALUES(11,4,'wandb-summary.json','3bdcf00b5aa2ad76328a5b2f73c545eb');
INSERT INTO "run_files" VALUES(12,4,'config.yaml','d8aec5672b92e50f82eae2662cc3de33');
INSERT INTO "run_files" VALUES(13,5,'output.log','834374f625abb383a29ccb5d63eaaa7b');
INSERT INTO "run_files" VALUES(14,5,'wandb-summary.json','8e977d0cac1ca439da599a7b4123bd06');
INSERT INTO "run_files" VALUES(15,5,'config.yaml','64beb55a47c414af6d4c018222fa963d');
INSERT INTO "run_files" VALUES(16,6,'wandb-summary.json','e65454b9de79b7907f6888ce28670c98');
INSERT INTO "run_files" VALUES(17,6,'config.yaml','cd198633859e4d738634333401cbfb55');
INSERT INTO "run_files" VALUES(18,6,'output.log','ad4179e0815da42586f8cc7f6333b946');
INSERT INTO "run_files" VALUES(19,7,'wandb-summary.json','dbd6acdf7e58b53a2150acca6a4a921a');
INSERT INTO "run_files" VALUES(20,7,'config.yaml','f38a68c8ad6c4ce441f77deb283eabef');
INSERT INTO "run_files" VALUES(21,7,'kept.txt','c065a2ecb0a24f10efe611f48f8cbac9');
INSERT INTO "run_files" VALUES(22,7,'output.log','b7c5147c3a0f67fc874e454b8aef1e8a');
INSERT INTO "run_files" VALUES(23,8,'wandb-summary.json','6a88c883e8e98f7250ae262a26134b02');
INSERT INTO "run_files" VALUES(24,8,'config.yaml','255dc908790169b3df56cfa33b08aa66');
INSERT INTO "run_files" VALUES(25,9,'wandb-summary.json','2b3cf50ea2a099b096fc92dbe4328521');
INSERT INTO "run_files" VALUES(26,9,'config.yaml','31ebb5504d1a33c0e7c8136a167321e6');
CREATE TABLE runs (
	id INTEGER NOT NULL, 
	project_id INTEGER NOT NULL, 
	name VARCHAR(128) NOT NULL, 
	display_name TEXT NOT NULL, 
	sweep_id INTEGER, 
	agent_id INTEGER, 
	state VARCHAR(16) NOT NULL, 
	config TEXT NOT NULL, 
	summary TEXT NOT NULL, 
	system_metrics TEXT NOT NULL, 
	history_keys TEXT NOT NULL, 
	tags TEXT NOT NULL, 
	description TEXT, 
	notes TEXT, 
	group_name TEXT, 
	job_type TEXT, 
	host TEXT, 
	program TEXT, 
	repo TEXT, 
	"commit" TEXT, 
	exitcode INTEGER, 
	parameters TEXT, 
	args TEXT, 
	reason TEXT, 
	failure VARCHAR(32), 
	handouts INTEGER NOT NULL, 
	handed_out_at DOUBLE, 
	stopped_by VARCHAR(16), 
	stop_asked_at DOUBLE, 
	stop_reason TEXT, 
	stale_streams TEXT NOT NULL, 
	last_step BIGINT NOT NULL, 
	history_lines INTEGER NOT NULL, 
	event_lines INTEGER NOT NULL, 
	log_lines INTEGER NOT NULL, 
	created_at DOUBLE NOT NULL, 
	started_at DOUBLE, 
	ended_at DOUBLE, 
	heartbeat_at DOUBLE NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (project_id, name), 
	FOREIGN KEY(project_id) REFERENCES projects (id) ON DELETE CASCADE, 
	FOREIGN KEY(sweep_id) REFERENCES sweeps (id) ON DELETE CASCADE, 
	FOREIGN KEY(agent_id) REFERENCES agents (id) ON DELETE SET NULL
);
INSERT INTO "runs" VALUES(1,1,'6vx69kx4','run-1',1,1,'finished','{"lr":{"value":0.39508710943825653},"width":{"value":32},"_wandb":{"value":{"python_version":"3.11.7","t":{"4":"3.11.7","3":[2,14],"5":"0.31.0","12":"0.31.0","13":"linux-x86_64"},"m":[],"cli_version":"0.31.0"}}}','{"val/loss":0.5950871094382566,"nested":{"epoch":4},"_timestamp":1795815208.753169,"_step":4,"_wandb":{"runtime":0},"_runtime":0}','{"system.network.recv":0,"system.proc.memory.rssMB":70.64453125,"system.disk./.usagePercent":30.869162960084413,"_runtime":0.045999463,"system.proc.memory.percent":0.2930632408921503,"system.proc.cpu.threads":4,"system.network.sent":0,"system.disk.vda.in":0,"system.disk.vda.out":0,"system.memory_percent":5.407709548319622,"system.proc.memory.availableMB":22802,"system.disk./.usageGB":31.320556640625,"_wandb":true,"_timestamp":1795815208.7050846,"system.network.tcpRetransmits":0}','{"val/loss":{"types":{"number":5},"monotonic":false,"last":0.5950871094382566},"nested.epoch":{"types":{"number":5},"monotonic":true,"last":4},"_timestamp":{"types":{"number":5},"monotonic":true,"last":1795815208.753169},"_runtime":{"types":{"number":5},"monotonic":true,"last":0.084257659},"_step":{"types":{"number":5},"monotonic":true,"last":4}}','[]',NULL,NULL,NULL,NULL,'here','/tmp/tmp0wujytke/train.py',NULL,NULL,0,'{"lr":0.39508710943825653,"width":32}','{"lr":{"value":0.39508710943825653},"width":{"value":32}}','{"method":"initial design"}',NULL,1,1.79581520793379831313e+09,NULL,NULL,NULL,'',4,5,1,1,1.79581520793078064923e+09,1.79581520866558098795e+09,1.79581520877744674679e+09,1.79581520877744674679e+09);
INSERT INTO "runs" VALUES(2,1,'a7mpi2za','run-2',1,1,'failed','{"_wandb":{"value":{"t":{"12":"0.31.0","13":"linux-x86_64","4":"3.11.7","3":[2,14],"5":"0.31.0"},"m":[],"cli_version":"0.31.0","python_version":"3.11.7"}},"lr":{"value":0.002791024833148064},"width":{"value":16}}','{"nested":{"epoch":4},"_timestamp":1795815213.9097376,"_step":4,"_wandb":{"runtime":0},"_runtime":0,"val/loss":0.20279102483314806}','{"_wandb":true,"_runtime":0.037054299,"system.network.tcpRetransmits":0,"system.memory_percent":5.29784121692627,"system.disk./.usagePercent":30.869813391579914,"system.network.sent":0,"system.proc.memory.rssMB":71.27734375,"system.network.recv":0,"system.disk.vda.in":0,"system.proc.memory.availableMB":22828.484375,"system.proc.cpu.threads":4,"system.disk./.usageGB":31.321216583251953,"_timestamp":1795815213.8839753,"system.disk.vda.out":0,"system.proc.memory.percent":0.29568841341216845}','{"val/loss":{"types":{"number":5},"monotonic":false,"last":0.20279102483314806},"nested.epoch":{"types":{"number":5},"monotonic":true,"last":4},"_timestamp":{"types":{"number":5},"monotonic":true,"last":1795815213.9097376},"_runtime":{"types":{"number":5},"monotonic":true,"last":0.054207655},"_step":{"types":{"number":5},"monotonic":true,"last":4}}','[]',NULL,NULL,NULL,NULL,'here','/tmp/tmp0wujytke/train.py',NULL,NULL,1,'{"lr":0.002791024833148064,"width":16}','{"lr":{"value":0.002791024833148064},"width":{"value":16}}','{"method":"initial design"}','error',1,1.79581521317055249221e+09,NULL,NULL,NULL,'',4,5,1,1,1.79581521316967749595e+09,1.79581521385233116149e+09,1.79581521392686724661e+09,1.79581521392686724661e+09);
INSERT INTO "runs" VALUES(3,1,'363rom7m','run-3',1,1,'finished','{"_wandb":{"value":{"cli_version":"0.31.0","python_version":"3.11.7","t":{"4":"3.11.7","3":[2,14],"5":"0.31.0","12":"0.31.0","13":"linux-x86_64"},"m":[]}},"lr":{"value":0.018364723827068444},"width":{"value":16}}','{"_timestamp":1795815219.152863,"_step":4,"_wandb":{"runtime":0},"_runtime":0,"val/loss":0.21836472382706845,"nested":{"epoch":4}}','{"_runtime":0.043460772,"system.network.sent":0,"system.network.recv":0,"system.proc.memory.percent":0.29469992252500116,"system.proc.cpu.threads":4,"_timestamp":1795815219.1281517,"system.proc.memory.rssMB":71.0390625,"_wandb":true,"system.disk.vda.out":0,"system.memory_percent":4.932537117427694,"system.proc.memory.availableMB":22916.54296875,"system.disk./.usagePercent":30.869948741486493,"system.network.tcpRetransmits":0,"system.disk.vda.in":0,"system.disk./.usageGB":31.321353912353516}','{"_timestamp":{"types":{"number":5},"monotonic":true,"last":1795815219.152863},"_runtime":{"types":{"number":5},"monotonic":true,"last":0.058638428},"_step":{"types":{"number":5},"monotonic":true,"last":4},"val/loss":{"types":{"number":5},"monotonic":false,"last":0.21836472382706845},"nested.epoch":{"types":{"number":5},"monotonic":true,"last":4}}','[]',NULL,NULL,NULL,NULL,'here','/tmp/tmp0wujytke/train.py',NULL,NULL,0,'{"lr":0.018364723827068444,"width":16}','{"lr":{"value":0.018364723827068444},"width":{"value":16}}','{"method":"initial design"}',NULL,1,1.79581521840955471991e+09,NULL,NULL,NULL,'',4,5,1,1,1.79581521840858125685e+09,1.79581521909081196788e+09,1.79581521917106747628e+09,1.79581521917106747628e+09);
INSERT INTO "runs" VALUES(4,1,'s16eujw9','run-4',1,1,'finished','{"_wandb":{"value":{"m":[],"cli_version":"0.31.0","python_version":"3.11.7","t":{"4":"3.11.7","3":[2,14],"5":"0.31.0","12":"0.31.0","13":"linux-x86_64"}}},"lr":{"value":0.04902856991060613},"width":{"value":8}}','{"_runtime":0,"val/loss":0.24902856991060615,"nested":{"epoch":4},"_timestamp":1795815224.4201374,"_step":4,"_wandb":{"runtime":0}}','{"system.proc.memory.availableMB":22934.578125,"system.proc.memory.rssMB":70.7109375,"system.proc.cpu.threads":4,"system.disk./.usagePercent":30.87013296774822,"_timestamp":1795815224.380106,"system.network.sent":0,"system.disk.vda.out":0,"system.memory_percent":4.857719700607176,"system.disk./.usageGB":31.32154083251953,"system.network.recv":0,"system.network.tcpRetransmits":0,"_wandb":true,"_runtime":0.03870108,"system.disk.vda.in":0,"system.proc.memory.percent":0.2933387219590658}','{"_step":{"types":{"number":5},"monotonic":true,"last":4},"val/loss":{"types":{"number":5},"monotonic":false,"last":0.24902856991060615},"nested.epoch":{"types":{"number":5},"monotonic":true,"last":4},"_timestamp":{"types":{"number":5},"monotonic":true,"last":1795815224.4201374},"_runtime":{"types":{"number":5},"monotonic":true,"last":0.069604304}}','[]',NULL,NULL,NULL,NULL,'here','/tmp/tmp0wujytke/train.py',NULL,NULL,0,'{"lr":0.04902856991060613,"width":8}','{"lr":{"value":0.04902856991060613},"width":{"value":8}}','{"method":"initial design"}',NULL,1,1.79581522365067672731e+09,NULL,NULL,NULL,'',4,5,1,1,1.79581522364983916283e+09,1.79581522434739780432e+09,1.79581522444048333163e+09,1.79581522444048333163e+09);
INSERT INTO "runs" VALUES(5,1,'s21rwdav','run-5',1,1,'finished','{"_wandb":{"value":{"cli_version":"0.31.0","python_version":"3.11.7","t":{"4":"3.11.7","3":[2,14],"5":"0.31.0","12":"0.31.0","13":"linux-x86_64"},"m":[]}},"lr":{"value":0.1017643465051934},"width":{"value":16}}','{"nested":{"epoch":4},"_timestamp":1795815229.645746,"_step":4,"_wandb":{"runtime":0},"_runtime":0,"val/loss":0.3017643465051934}','{"system.proc.memory.percent":0.29335492672770785,"system.proc.cpu.threads":4,"system.disk./.usagePercent":30.870313434290324,"system.network.sent":0,"system.network.recv":0,"system.disk.vda.in":0,"_timestamp":1795815229.6130688,"system.disk./.usageGB":31.32172393798828,"_wandb":true,"_runtime":0.040992764,"system.disk.vda.out":0,"system.proc.memory.availableMB":22933.578125,"system.proc.memory.rssMB":70.71484375,"system.network.tcpRetransmits":0,"system.memory_percent":4.86186812137955}','{"nested.epoch":{"types":{"number":5},"monotonic":true,"last":4},"_timestamp":{"types":{"number":5},"monotonic":true,"last":1795815229.645746},"_runtime":{"types":{"number":5},"monotonic":true,"last":0.064675563},"_step":{"types":{"number":5},"monotonic":true,"last":4},"val/loss":{"types":{"number":5},"monotonic":false,"last":0.3017643465051934}}','[]',NULL,NULL,NULL,NULL,'here','/tmp/tmp0wujytke/train.py',NULL,NULL,0,'{"lr":0.1017643465051934,"width":16}','{"lr":{"value":0.1017643465051934},"width":{"value":16}}','{"method":"initial design"}',NULL,1,1.79581522888904118531e+09,NULL,NULL,NULL,'',4,5,1,1,1.79581522888811278343e+09,1.79581522957739424706e+09,1.7958152296658453942e+09,1.7958152296658453942e+09);
INSERT INTO "runs" VALUES(6,1,'it3qudg8','run-6',1,1,'finished','{"width":{"value":32},"_wandb":{"value":{"cli_version":"0.31.0","python_version":"3.11.7","t":{"4":"3.11.7","3":[2,14],"5":"0.31.0","12":"0.31.0","13":"linux-x86_64"},"m":[]}},"lr":{"value":0.024092651476007646}}','{"val/loss":0.22409265147600765,"nested":{"epoch":4},"_timestamp":1795815235.1131392,"_step":4,"_wandb":{"runtime":0},"_runtime":0}','{"_wandb":true,"system.disk.vda.in":0,"system.proc.cpu.threads":4,"system.disk./.usageGB":31.321910858154297,"system.network.recv":0,"system.network.tcpRetransmits":0,"system.proc.memory.availableMB":22928.578125,"system.proc.memory.rssMB":70.921875,"system.proc.memory.percent":0.2942137794657385,"_timestamp":1795815235.0846663,"_runtime":0.034572197,"system.network.sent":0,"system.disk.vda.out":0,"system.memory_percent":4.8826102252414225,"system.disk./.usagePercent":30.87049766055206}','{"_timestamp":{"types":{"number":5},"monotonic":true,"last":1795815235.1131392},"_runtime":{"types":{"number":5},"monotonic":true,"last":0.056072251},"_step":{"types":{"number":5},"monotonic":true,"last":4},"val/loss":{"types":{"number":5},"monotonic":false,"last":0.22409265147600765},"nested.epoch":{"types":{"number":5},"monotonic":true,"last":4}}','[]',NULL,NULL,NULL,NULL,'here','/tmp/tmp0wujytke/train.py',NULL,NULL,0,'{"lr":0.024092651476007646,"width":32}','{"lr":{"value":0.024092651476007646},"width":{"value":32}}','{"method":"bayes","predicted_mean":0.28975156206519853,"predicted_deviation":0.05193739336063371,"expected_improvement":0.0008106622387706544,"strategy":"exploration","nearest":{"run":"363rom7m","distance":1.3906316391701523,"differs":{"lr":[0.018364723827068444,0.024092651476007646],"width":[16,32]}},"runs_used":4,"warping":{"output_power":1.799258082752733,"inputs":{"lr":[1.3463455912882036,0.8427375243645505],"width":[1.3862597619609835,0.7600116715389733]}},"success_probability":0.9505623939164666,"failures_look_random":false}',NULL,1,1.79581523435202932356e+09,NULL,NULL,NULL,'',4,5,1,1,1.79581523435094022756e+09,1.79581523505464410788e+09,1.7958152351292967796e+09,1.7958152351292967796e+09);
INSERT INTO "runs" VALUES(7,1,'parent','run-7',NULL,NULL,'finished','{"model":{"value":{"depth":2}},"_wandb":{"value":{"python_version":"3.11.7","t":{"4":"3.11.7","3":[2,3,14,15,16,61],"5":"0.31.0","12":"0.31.0","13":"linux-x86_64"},"m":[],"cli_version":"0.31.0"}},"lr":{"value":0.1}}','{"_timestamp":1795815240.4235907,"_step":11,"_wandb":{"runtime":0},"_runtime":0.093273837,"x":11,"deep":{"er":11}}','{"system.disk.vda.out":0,"system.memory_percent":4.638064061663682,"system.proc.memory.percent":0.2992696672820698,"_timestamp":1795815240.3972006,"system.network.recv":0,"system.proc.cpu.threads":4,"_runtime":0.039928651,"system.disk./.usagePercent":30.870636770178265,"_wandb":true,"system.network.sent":0,"system.network.tcpRetransmits":0,"system.proc.memory.availableMB":22987.52734375,"system.proc.memory.rssMB":72.140625,"system.disk./.usageGB":31.322052001953125,"system.disk.vda.in":0}','{"deep.er":{"types":{"number":5},"monotonic":true,"last":11},"_timestamp":{"types":{"number":5},"monotonic":true,"last":1795815240.4235907},"_runtime":{"types":{"number":5},"monotonic":true,"last":0.093273837},"_step":{"types":{"number":5},"monotonic":true,"last":11},"x":{"types":{"number":5},"monotonic":true,"last":11}}','["first", "gold"]',NULL,'a note','g','train','here','/tmp/tmp0wujytke/script.py',NULL,NULL,0,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,'',11,5,1,1,1795815240.36262,1.79581524036428523058e+09,1.79581524094266581532e+09,1.79581524094266581532e+09);
INSERT INTO "runs" VALUES(8,1,'f25j6e2n','run-8',NULL,NULL,'finished','{"model":{"value":{"depth":2}},"lr":{"value":0.1},"_wandb":{"value":{"m":[],"branch_point":{"run_id":"parent","step":5},"cli_version":"0.31.0","python_version":"3.11.7","t":{"4":"3.11.7","3":[2,71],"5":"0.31.0","12":"0.31.0","13":"linux-x86_64"}}}}','{"deep":{"er":5},"_timestamp":1795815241.022882,"_runtime":0,"_step":6,"x":99,"_wandb":{"runtime":0}}','{"system.proc.memory.availableMB":22978.828125,"system.disk./.usageGB":31.32241439819336,"system.proc.memory.percent":0.3083119281843545,"_wandb":true,"system.disk.vda.in":0,"system.memory_percent":4.67415208142961,"system.disk./.usagePercent":30.870993943542846,"_timestamp":1795815240.9922042,"_runtime":0.035474152,"system.network.recv":0,"system.disk.vda.out":0,"system.proc.memory.rssMB":74.3203125,"system.proc.cpu.threads":6,"system.network.sent":0,"system.network.tcpRetransmits":0}','{"deep.er":{"types":{"number":3},"monotonic":true,"last":5},"_timestamp":{"types":{"number":4},"monotonic":true,"last":1795815241.022882},"_runtime":{"types":{"number":4},"monotonic":true,"last":0.058396147},"_step":{"types":{"number":4},"monotonic":true,"last":6},"x":{"types":{"number":4},"monotonic":true,"last":99}}','[]',NULL,NULL,NULL,NULL,'here','/tmp/tmp0wujytke/script.py',NULL,NULL,0,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,'',6,4,1,0,1.79581524095974087718e+09,1.79581524096206355091e+09,1.79581524103690266607e+09,1.79581524103690266607e+09);
INSERT INTO "runs" VALUES(9,1,'crashes','run-9',NULL,NULL,'failed','{"_wandb":{"value":{"m":[],"cli_version":"0.31.0","python_version":"3.11.7","t":{"3":[2,14],"5":"0.31.0","12":"0.31.0","13":"linux-x86_64","4":"3.11.7"}}}}','{"_timestamp":1795815241.06407,"_wandb":{"runtime":0},"_runtime":0,"_step":0,"x":1}','{}','{"_runtime":{"types":{"number":1},"monotonic":true,"last":0.006067479},"_step":{"types":{"number":1},"monotonic":true,"last":0},"x":{"types":{"number":1},"monotonic":true,"last":1},"_timestamp":{"types":{"number":1},"monotonic":true,"last":1795815241.06407}}','[]',NULL,NULL,NULL,NULL,'here','/tmp/tmp0wujytke/script.py',NULL,NULL,1,NULL,NULL,NULL,'error',0,NULL,NULL,NULL,NULL,'',0,1,0,0,1.79581524105602049826e+09,1.79581524105661416053e+09,1.79581524108027076715e+09,1.79581524108027076715e+09);
INSERT INTO "runs" VALUES(10,1,'waits','run-10',NULL,NULL,'preempting','{"_wandb":{"value":{"cli_version":"0.31.0","python_version":"3.11.7","t":{"4":"3.11.7","3":[14],"5":"0.31.0","12":"0.31.0","13":"linux-x86_64"},"m":[]}}}','{}','{"system.network.recv":0,"system.proc.memory.rssMB":0,"system.proc.memory.percent":0,"system.disk.vda.in":0,"system.memory_percent":4.687666858477112,"system.disk./.usagePercent":30.871257123916752,"system.disk./.usageGB":31.322681427001953,"_wandb":true,"_timestamp":1795815241.1355135,"_runtime":0.038169496,"system.network.tcpRetransmits":0,"system.network.sent":0,"system.disk.vda.out":0,"system.proc.memory.availableMB":22975.5703125,"system.proc.cpu.threads":1}','{}','[]',NULL,NULL,NULL,NULL,'here','/tmp/tmp0wujytke/script.py',NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,'',-1,0,1,0,1.79581524110331249236e+09,1.79581524110429835319e+09,NULL,1.79581524113755679129e+09);
CREATE TABLE stream_lines (
	run_id INTEGER NOT NULL, 
	stream VARCHAR(8) NOT NULL, 
	line INTEGER NOT NULL, 
	step BIGINT, 
	body TEXT NOT NULL, 
	PRIMARY KEY (run_id, stream, line), 
	FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "stream_lines" VALUES(1,'events',0,NULL,'{"system.network.recv":0,"system.proc.memory.rssMB":70.64453125,"system.disk./.usagePercent":30.869162960084413,"_runtime":0.045999463,"system.proc.memory.percent":0.2930632408921503,"system.proc.cpu.threads":4,"system.network.sent":0,"system.disk.vda.in":0,"system.disk.vda.out":0,"system.memory_percent":5.407709548319622,"system.proc.memory.availableMB":22802,"system.disk./.usageGB":31.320556640625,"_wandb":true,"_timestamp":1795815208.7050846,"system.network.tcpRetransmits":0}');
INSERT INTO "stream_lines" VALUES(1,'history',0,0,'{"val/loss":1.3950871094382564,"nested":{"epoch":0},"_timestamp":1795815208.7136464,"_runtime":0.08366835,"_step":0}');
INSERT INTO "stream_lines" VALUES(1,'history',1,1,'{"_runtime":0.084202897,"_step":1,"val/loss":0.8950871094382565,"nested":{"epoch":1},"_timestamp":1795815208.7524083}');
INSERT INTO "stream_lines" VALUES(1,'history',2,2,'{"_runtime":0.084226162,"_step":2,"val/loss":0.7284204427715899,"nested":{"epoch":2},"_timestamp":1795815208.7527242}');
INSERT INTO "stream_lines" VALUES(1,'history',3,3,'{"nested":{"epoch":3},"_timestamp":1795815208.7529385,"_runtime":0.084247304,"_step":3,"val/loss":0.6450871094382565}');
INSERT INTO "stream_lines" VALUES(1,'history',4,4,'{"val/loss":0.5950871094382566,"nested":{"epoch":4},"_timestamp":1795815208.753169,"_runtime":0.084257659,"_step":4}');
INSERT INTO "stream_lines" VALUES(1,'log',0,NULL,'2026-11-27T21:33:28.678869 trains with 32');
INSERT INTO "stream_lines" VALUES(2,'events',0,NULL,'{"_wandb":true,"_runtime":0.037054299,"system.network.tcpRetransmits":0,"system.memory_percent":5.29784121692627,"system.disk./.usagePercent":30.869813391579914,"system.network.sent":0,"system.proc.memory.rssMB":71.27734375,"system.network.recv":0,"system.disk.vda.in":0,"system.proc.memory.availableMB":22828.484375,"system.proc.cpu.threads":4,"system.disk./.usageGB":31.321216583251953,"_timestamp":1795815213.8839753,"system.disk.vda.out":0,"system.proc.memory.percent":0.29568841341216845}');
INSERT INTO "stream_lines" VALUES(2,'history',0,0,'{"val/loss":1.002791024833148,"nested":{"epoch":0},"_timestamp":1795815213.8752234,"_runtime":0.053891995,"_step":0}');
INSERT INTO "stream_lines" VALUES(2,'history',1,1,'{"nested":{"epoch":1},"_timestamp":1795815213.909277,"_runtime":0.054088518,"_step":1,"val/loss":0.5027910248331481}');
INSERT INTO "stream_lines" VALUES(2,'history',2,2,'{"val/loss":0.3361243581664814,"nested":{"epoch":2},"_timestamp":1795815213.9094996,"_runtime":0.05411047,"_step":2}');
INSERT INTO "stream_lines" VALUES(2,'history',3,3,'{"val/loss":0.2527910248331481,"nested":{"epoch":3},"_timestamp":1795815213.909633,"_runtime":0.054125543,"_step":3}');
INSERT INTO "stream_lines" VALUES(2,'history',4,4,'{"nested":{"epoch":4},"_timestamp":1795815213.9097376,"_runtime":0.054207655,"_step":4,"val/loss":0.20279102483314806}');
INSERT INTO "stream_lines" VALUES(2,'log',0,NULL,'2026-11-27T21:33:33.863376 trains with 16');
INSERT INTO "stream_lines" VALUES(3,'events',0,NULL,'{"_runtime":0.043460772,"system.network.sent":0,"system.network.recv":0,"system.proc.memory.percent":0.29469992252500116,"system.proc.cpu.threads":4,"_timestamp":1795815219.1281517,"system.proc.memory.rssMB":71.0390625,"_wandb":true,"system.disk.vda.out":0,"system.memory_percent":4.932537117427694,"system.proc.memory.availableMB":22916.54296875,"system.disk./.usagePercent":30.869948741486493,"system.network.tcpRetransmits":0,"system.disk.vda.in":0,"system.disk./.usageGB":31.321353912353516}');
INSERT INTO "stream_lines" VALUES(3,'history',0,0,'{"_timestamp":1795815219.1167276,"_runtime":0.058149539,"_step":0,"val/loss":1.0183647238270686,"nested":{"epoch":0}}');
INSERT INTO "stream_lines" VALUES(3,'history',1,1,'{"val/loss":0.5183647238270684,"nested":{"epoch":1},"_timestamp":1795815219.1521826,"_runtime":0.058204922,"_step":1}');
INSERT INTO "stream_lines" VALUES(3,'history',2,2,'{"_timestamp":1795815219.1524715,"_runtime":0.058261065,"_step":2,"val/loss":0.35169805716040176,"nested":{"epoch":2}}');
INSERT INTO "stream_lines" VALUES(3,'history',3,3,'{"_runtime":0.058506311,"_step":3,"val/loss":0.26836472382706844,"nested":{"epoch":3},"_timestamp":1795815219.1526952}');
INSERT INTO "stream_lines" VALUES(3,'history',4,4,'{"nested":{"epoch":4},"_timestamp":1795815219.152863,"_runtime":0.058638428,"_step":4,"val/loss":0.21836472382706845}');
INSERT INTO "stream_lines" VALUES(3,'log',0,NULL,'2026-11-27T21:33:39.099641 trains with 16');
INSERT INTO "stream_lines" VALUES(4,'events',0,NULL,'{"system.proc.memory.availableMB":22934.578125,"system.proc.memory.rssMB":70.7109375,"system.proc.cpu.threads":4,"system.disk./.usagePercent":30.87013296774822,"_timestamp":1795815224.380106,"system.network.sent":0,"system.disk.vda.out":0,"system.memory_percent":4.857719700607176,"system.disk./.usageGB":31.32154083251953,"system.network.recv":0,"system.network.tcpRetransmits":0,"_wandb":true,"_runtime":0.03870108,"system.disk.vda.in":0,"system.proc.memory.percent":0.2933387219590658}');
INSERT INTO "stream_lines" VALUES(4,'history',0,0,'{"_step":0,"val/loss":1.0490285699106061,"nested":{"epoch":0},"_timestamp":1795815224.3825917,"_runtime":0.068159519}');
INSERT INTO "stream_lines" VALUES(4,'history',1,1,'{"val/loss":0.5490285699106061,"nested":{"epoch":1},"_timestamp":1795815224.4191756,"_runtime":0.068929737,"_step":1}');
INSERT INTO "stream_lines" VALUES(4,'history',2,2,'{"_timestamp":1795815224.4195077,"_runtime":0.069022547,"_step":2,"val/loss":0.3823619032439394,"nested":{"epoch":2}}');
INSERT INTO "stream_lines" VALUES(4,'history',3,3,'{"val/loss":0.2990285699106061,"nested":{"epoch":3},"_timestamp":1795815224.419866,"_runtime":0.069500199,"_step":3}');
INSERT INTO "stream_lines" VALUES(4,'history',4,4,'{"_runtime":0.069604304,"_step":4,"val/loss":0.24902856991060615,"nested":{"epoch":4},"_timestamp":1795815224.4201374}');
INSERT INTO "stream_lines" VALUES(4,'log',0,NULL,'2026-11-27T21:33:44.360729 trains with 8');
INSERT INTO "stream_lines" VALUES(5,'events',0,NULL,'{"system.proc.memory.percent":0.29335492672770785,"system.proc.cpu.threads":4,"system.disk./.usagePercent":30.870313434290324,"system.network.sent":0,"system.network.recv":0,"system.disk.vda.in":0,"_timestamp":1795815229.6130688,"system.disk./.usageGB":31.32172393798828,"_wandb":true,"_runtime":0.040992764,"system.disk.vda.out":0,"system.proc.memory.availableMB":22933.578125,"system.proc.memory.rssMB":70.71484375,"system.network.tcpRetransmits":0,"system.memory_percent":4.86186812137955}');
INSERT INTO "stream_lines" VALUES(5,'history',0,0,'{"nested":{"epoch":0},"_timestamp":1795815229.6070867,"_runtime":0.063175896,"_step":0,"val/loss":1.1017643465051934}');
INSERT INTO "stream_lines" VALUES(5,'history',1,1,'{"_step":1,"val/loss":0.6017643465051934,"nested":{"epoch":1},"_timestamp":1795815229.6447542,"_runtime":0.063792706}');
INSERT INTO "stream_lines" VALUES(5,'history',2,2,'{"val/loss":0.4350976798385267,"nested":{"epoch":2},"_timestamp":1795815229.6451108,"_runtime":0.064097721,"_step":2}');
INSERT INTO "stream_lines" VALUES(5,'history',3,3,'{"_step":3,"val/loss":0.3517643465051934,"nested":{"epoch":3},"_timestamp":1795815229.6455247,"_runtime":0.064432721}');
INSERT INTO "stream_lines" VALUES(5,'history',4,4,'{"_step":4,"val/loss":0.3017643465051934,"nested":{"epoch":4},"_timestamp":1795815229.645746,"_runtime":0.064675563}');
INSERT INTO "stream_lines" VALUES(5,'log',0,NULL,'2026-11-27T21:33:49.589290 trains with 16');
INSERT INTO "stream_lines" VALUES(6,'events',0,NULL,'{"_wandb":true,"system.disk.vda.in":0,"system.proc.cpu.threads":4,"system.disk./.usageGB":31.321910858154297,"system.network.recv":0,"system.network.tcpRetransmits":0,"system.proc.memory.availableMB":22928.578125,"system.proc.memory.rssMB":70.921875,"system.proc.memory.percent":0.2942137794657385,"_timestamp":1795815235.0846663,"_runtime":0.034572197,"system.network.sent":0,"system.disk.vda.out":0,"system.memory_percent":4.8826102252414225,"system.disk./.usagePercent":30.87049766055206}');
INSERT INTO "stream_lines" VALUES(6,'history',0,0,'{"_timestamp":1795815235.0771081,"_runtime":0.055206029,"_step":0,"val/loss":1.0240926514760076,"nested":{"epoch":0}}');
INSERT INTO "stream_lines" VALUES(6,'history',1,1,'{"_timestamp":1795815235.1122448,"_runtime":0.055295102,"_step":1,"val/loss":0.5240926514760077,"nested":{"epoch":1}}');
INSERT INTO "stream_lines" VALUES(6,'history',2,2,'{"val/loss":0.35742598480934096,"nested":{"epoch":2},"_timestamp":1795815235.1126108,"_runtime":0.05552814,"_step":2}');
INSERT INTO "stream_lines" VALUES(6,'history',3,3,'{"_runtime":0.055871281,"_step":3,"val/loss":0.27409265147600764,"nested":{"epoch":3},"_timestamp":1795815235.1128523}');
INSERT INTO "stream_lines" VALUES(6,'history',4,4,'{"_step":4,"val/loss":0.22409265147600765,"nested":{"epoch":4},"_timestamp":1795815235.1131392,"_runtime":0.056072251}');
INSERT INTO "stream_lines" VALUES(6,'log',0,NULL,'2026-11-27T21:33:55.063578 trains with 32');
INSERT INTO "stream_lines" VALUES(7,'events',0,NULL,'{"system.disk.vda.out":0,"system.memory_percent":4.638064061663682,"system.proc.memory.percent":0.2992696672820698,"_timestamp":1795815240.3972006,"system.network.recv":0,"system.proc.cpu.threads":4,"_runtime":0.039928651,"system.disk./.usagePercent":30.870636770178265,"_wandb":true,"system.network.sent":0,"system.network.tcpRetransmits":0,"system.proc.memory.availableMB":22987.52734375,"system.proc.memory.rssMB":72.140625,"system.disk./.usageGB":31.322052001953125,"system.disk.vda.in":0}');
INSERT INTO "stream_lines" VALUES(7,'history',0,0,'{"deep":{"er":0},"_timestamp":1795815240.37559,"_runtime":0.05619534,"_step":0,"x":0}');
INSERT INTO "stream_lines" VALUES(7,'history',1,1,'{"x":1,"deep":{"er":1},"_timestamp":1795815240.4229348,"_runtime":0.056293246,"_step":1}');
INSERT INTO "stream_lines" VALUES(7,'history',2,5,'{"_step":5,"x":5,"deep":{"er":5},"_timestamp":1795815240.4231892,"_runtime":0.056464381}');
INSERT INTO "stream_lines" VALUES(7,'history',3,10,'{"x":10,"deep":{"er":10},"_timestamp":1795815240.4234438,"_runtime":0.056501837,"_step":10}');
INSERT INTO "stream_lines" VALUES(7,'history',4,11,'{"deep":{"er":11},"_timestamp":1795815240.4235907,"_runtime":0.093273837,"_step":11,"x":11}');
INSERT INTO "stream_lines" VALUES(7,'log',0,NULL,'ERROR 2026-11-27T21:34:00.424605 wandb: WARNING Symlinked 1 file into the W&B run directory; call wandb.save again to sync new files.');
INSERT INTO "stream_lines" VALUES(8,'events',0,NULL,'{"system.proc.memory.availableMB":22978.828125,"system.disk./.usageGB":31.32241439819336,"system.proc.memory.percent":0.3083119281843545,"_wandb":true,"system.disk.vda.in":0,"system.memory_percent":4.67415208142961,"system.disk./.usagePercent":30.870993943542846,"_timestamp":1795815240.9922042,"_runtime":0.035474152,"system.network.recv":0,"system.disk.vda.out":0,"system.proc.memory.rssMB":74.3203125,"system.proc.cpu.threads":6,"system.network.sent":0,"system.network.tcpRetransmits":0}');
INSERT INTO "stream_lines" VALUES(8,'history',0,0,'{"deep":{"er":0},"_timestamp":1795815240.37559,"_runtime":0.05619534,"_step":0,"x":0}');
INSERT INTO "stream_lines" VALUES(8,'history',1,1,'{"x":1,"deep":{"er":1},"_timestamp":1795815240.4229348,"_runtime":0.056293246,"_step":1}');
INSERT INTO "stream_lines" VALUES(8,'history',2,5,'{"_step":5,"x":5,"deep":{"er":5},"_timestamp":1795815240.4231892,"_runtime":0.056464381}');
INSERT INTO "stream_lines" VALUES(8,'history',3,6,'{"x":99,"_timestamp":1795815241.022882,"_runtime":0.058396147,"_step":6}');
INSERT INTO "stream_lines" VALUES(9,'history',0,0,'{"_runtime":0.006067479,"_step":0,"x":1,"_timestamp":1795815241.06407}');
INSERT INTO "stream_lines" VALUES(10,'events',0,NULL,'{"system.network.recv":0,"system.proc.memory.rssMB":0,"system.proc.memory.percent":0,"system.disk.vda.in":0,"system.memory_percent":4.687666858477112,"system.disk./.usagePercent":30.871257123916752,"system.disk./.usageGB":31.322681427001953,"_wandb":true,"_timestamp":1795815241.1355135,"_runtime":0.038169496,"system.network.tcpRetransmits":0,"system.network.sent":0,"system.disk.vda.out":0,"system.proc.memory.availableMB":22975.5703125,"system.proc.cpu.threads":1}');
CREATE TABLE sweeps (
	id INTEGER NOT NULL, 
	project_id INTEGER NOT NULL, 
	name VARCHAR(128) NOT NULL, 
	display_name TEXT, 
	description TEXT, 
	config TEXT NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	done_because TEXT, 
	program TEXT, 
	controller TEXT, 
	scheduler TEXT, 
	prior_runs TEXT, 
	best_loss DOUBLE, 
	warnings TEXT NOT NULL, 
	expected_runs BIGINT, 
	created_at DOUBLE NOT NULL, 
	updated_at DOUBLE NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(project_id) REFERENCES projects (id) ON DELETE CASCADE, 
	UNIQUE (name)
);
INSERT INTO "sweeps" VALUES(1,1,'0genb825','old sweep',NULL,'method: bayes
metric:
  goal: minimize
  name: val/loss
name: old sweep
parameters:
  lr:
    distribution: log_uniform_values
    max: 1.0
    min: 0.001
  width:
    values:
    - 8
    - 16
    - 32
program: train.py
run_cap: 6
','FINISHED','run_cap','train.py',NULL,NULL,NULL,2.18364723827068452077e-01,'[]',6,1.79581520059749102586e+09,1.79581523536200475697e+09);
CREATE INDEX ix_sweeps_project_id ON sweeps (project_id);
CREATE INDEX ix_agents_sweep_id ON agents (sweep_id);
CREATE INDEX ix_runs_sweep_id ON runs (sweep_id);
CREATE INDEX ix_runs_agent_id ON runs (agent_id);
CREATE INDEX stream_lines_by_step ON stream_lines (run_id, stream, step);
CREATE INDEX ix_artifacts_run_id ON artifacts (run_id);
CREATE INDEX ix_artifacts_client_id ON artifacts (client_id);
CREATE INDEX artifacts_by_digest ON artifacts (collection_id, digest);
CREATE INDEX ix_run_files_blob ON run_files (blob);
CREATE INDEX ix_artifact_manifests_artifact_id ON artifact_manifests (artifact_id);
CREATE INDEX ix_artifact_manifests_blob ON artifact_manifests (blob);
CREATE INDEX ix_artifact_files_blob ON artifact_files (blob);
CREATE INDEX ix_artifact_files_digest ON artifact_files (digest);
CREATE INDEX ix_artifact_memberships_artifact_id ON artifact_memberships (artifact_id);
CREATE INDEX ix_artifact_uses_artifact_id ON artifact_uses (artifact_id);
CREATE INDEX ix_artifact_repeats_artifact_id ON artifact_repeats (artifact_id);
CREATE INDEX ix_artifact_aliases_membership_id ON artifact_aliases (membership_id);
COMMIT;
