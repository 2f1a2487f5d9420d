# Completion of gpu-shopper for fish: made by `gpu-shopper completion fish`; do not edit.

function __gpu_shopper_spec
    set -g __gs_verbs
    set -g __gs_args
    set -g __gs_options '--help' '-h' '-o:=table,json,jsonl,wide,name,csv' '--output:=table,json,jsonl,wide,name,csv' '--json' '-q' '--quiet' '--fields:' '--progress:=auto,plain,json,none' '--color:=auto,always,never' '--sandbox' '--host:'
    switch "$argv[1]"
        case ''
            set __gs_verbs 'inventory:Show the offers of all clouds, cheapest first.' 'plan:Show what `provision` would rent, its max cost, and what happens at its end.' 'provision:Rent a GPU for a given time.' 'ls:List open sessions.' 'sessions:List, show, extend and end sessions.' 'get:Show everything about one session.' 'wait:Wait until sessions are in a state, or until a run has ended.' 'top:Watch open sessions: status, GPU use, money so far and at most, time left, guards; alarms below.' 'extend:Move a session\'s deadline.' 'restart:Restart a session\'s instance in place, where its cloud has a call for it.' 'set:Change what ends a session early, what is done before its end, and its tags; its deadline stays (see extend).' 'done:End a session gracefully, and wait until it is off.' 'shutdown:End sessions and wait until they are off.' 'receipt:Show the proof that a session\'s instance is gone.' 'ssh:Log in to a session\'s instance, or run a command there.' 'cp:Copy files and folders to or from a session\'s instance.' 'pull:Copy the folder DIR of a session into a new folder under LOCAL.' 'sync:Copy what is new or has changed: up from DIR here to REMOTE there, or down from REMOTE to DIR.' 'code:Open VS Code here on a folder of a session\'s instance.' 'jupyter:Open Jupyter on a session\'s instance.' 'run:Run a command on a session\'s instance; it continues when the connection is lost or this command ends.' 'logs:Show a run\'s output; without a run id, that of the newest run.' 'costs:Show what was spent, and the max cost by the deadlines.' 'budget:Limit what may be spent, and see how much of it is.' 'report:Report one session in Markdown: what was rented, what ran, what it cost, how it ended.' 'consumers:Whom sessions are charged to: yourself, unless `provision --consumer NAME` says another.' 'status:Show daemon, clouds, open costs and alarms.' 'why:Show what would end a session and when, who does it, and what is done before.' 'alarms:Problems that need your attention.' 'audit:Compare the clouds\' instance lists with our records; show and check the log of what was rented and ended.' 'watchdog:End instances that outlived their hard maximum: a second watcher beside the daemon.' 'custody:Show what was sent to which host: variables, logins, scripts and files, and what to rotate.' 'adopt:Make an instance that you name by its id end in time.' 'forget:Forget a session whose end cannot be proven.' 'events:Show what happened, in order.' 'keys:Store and test the clouds\' API keys, and logins at image registries.' 'config:Show and change settings; resolve a copied home folder.' 'notify:Be told elsewhere what happens here: before an end, at an end, when a run ends, of budgets and alarms.' 'ssh-config:Make running sessions known to your own ssh as gpu-shopper-NAME.' 'daemon:Start, stop and watch the daemon.' 'backup:Copies of the records: sessions, costs, budgets, events.' 'doctor:Check keys, clouds, clock, ssh, disk, keyring, daemon, records and settings.' 'completion:Complete commands, options and names with TAB in bash, zsh and fish.' 'version:Show the versions of this command and of the daemon that runs; starts none.' 'help:Show the help of a command, or a text about a topic.' 'demo:Walk through a whole session in the sandbox, in about half a minute.' 'sandbox:Simulated clouds on this computer.'
            set -a __gs_options '--version'
        case 'inventory'
            set -a __gs_options '-g:gpu' '--gpu:gpu' '--gpu-type:gpu' '-p:cloud' '--provider:cloud' '--account:cloud' '--gpus:' '--min-gpus:' '--min-vram:' '--max-price:' '--min-reliability:' '--min-cuda:' '--region:=EU,AE,AL,AM,AR,AT,AU,AZ,BA,BD,BE,BG,BH,BR,BY,CA,CH,CL,CN,CO,CR,CY,CZ,DE,DK,EC,EE,EG,ES,FI,FR,GB,GE,GR,HK,HR,HU,ID,IE,IL,IN,IS,IT,JP,KE,KR,KZ,LI,LT,LU,LV,MA,MD,ME,MK,MO,MT,MX,MY,NG,NL,NO,NZ,OM,PA,PE,PH,PK,PL,PR,PT,PY,QA,RO,RS,RU,SA,SE,SG,SI,SK,TH,TN,TR,TW,UA,US,UY,UZ,VN,ZA' '--location:=EU,AE,AL,AM,AR,AT,AU,AZ,BA,BD,BE,BG,BH,BR,BY,CA,CH,CL,CN,CO,CR,CY,CZ,DE,DK,EC,EE,EG,ES,FI,FR,GB,GE,GR,HK,HR,HU,ID,IE,IL,IN,IS,IT,JP,KE,KR,KZ,LI,LT,LU,LV,MA,MD,ME,MK,MO,MT,MX,MY,NG,NL,NO,NZ,OM,PA,PE,PH,PK,PL,PR,PT,PY,QA,RO,RS,RU,SA,SE,SG,SI,SK,TH,TN,TR,TW,UA,US,UY,UZ,VN,ZA' '--disk:' '--cpus:' '--ram:' '--verified' '--exclude-host:' '--sort:=price,price-per-gpu,value,vram,reliability,gpus' '--group-by:=gpu,cloud,region' '--offset:' '--limit:'
        case 'plan'
            set -a __gs_options '-g:gpu' '--gpu:gpu' '--gpu-type:gpu' '-p:cloud' '--provider:cloud' '--account:cloud' '--gpus:' '--min-gpus:' '--min-vram:' '--max-price:' '--min-reliability:' '--min-cuda:' '--region:=EU,AE,AL,AM,AR,AT,AU,AZ,BA,BD,BE,BG,BH,BR,BY,CA,CH,CL,CN,CO,CR,CY,CZ,DE,DK,EC,EE,EG,ES,FI,FR,GB,GE,GR,HK,HR,HU,ID,IE,IL,IN,IS,IT,JP,KE,KR,KZ,LI,LT,LU,LV,MA,MD,ME,MK,MO,MT,MX,MY,NG,NL,NO,NZ,OM,PA,PE,PH,PK,PL,PR,PT,PY,QA,RO,RS,RU,SA,SE,SG,SI,SK,TH,TN,TR,TW,UA,US,UY,UZ,VN,ZA' '--location:=EU,AE,AL,AM,AR,AT,AU,AZ,BA,BD,BE,BG,BH,BR,BY,CA,CH,CL,CN,CO,CR,CY,CZ,DE,DK,EC,EE,EG,ES,FI,FR,GB,GE,GR,HK,HR,HU,ID,IE,IL,IN,IS,IT,JP,KE,KR,KZ,LI,LT,LU,LV,MA,MD,ME,MK,MO,MT,MX,MY,NG,NL,NO,NZ,OM,PA,PE,PH,PK,PL,PR,PT,PY,QA,RO,RS,RU,SA,SE,SG,SI,SK,TH,TN,TR,TW,UA,US,UY,UZ,VN,ZA' '--disk:' '--cpus:' '--ram:' '--verified' '--exclude-host:' '-i:offer' '--offer:offer' '--offer-id:offer' '--image:' '--retries:' '--allow-unguarded' '-t:' '--hours:' '--for:' '--until:' '-c:consumer' '--consumer:consumer' '--consumer-id:consumer' '--tag:tag' '--idle:' '--idle-when:=any,gpu' '--contact:' '--hold:' '--pull:' '--pull-max:' '--before-end:' '--land-for:'
        case 'provision'
            set -a __gs_options '-g:gpu' '--gpu:gpu' '--gpu-type:gpu' '-p:cloud' '--provider:cloud' '--account:cloud' '--gpus:' '--min-gpus:' '--min-vram:' '--max-price:' '--min-reliability:' '--min-cuda:' '--region:=EU,AE,AL,AM,AR,AT,AU,AZ,BA,BD,BE,BG,BH,BR,BY,CA,CH,CL,CN,CO,CR,CY,CZ,DE,DK,EC,EE,EG,ES,FI,FR,GB,GE,GR,HK,HR,HU,ID,IE,IL,IN,IS,IT,JP,KE,KR,KZ,LI,LT,LU,LV,MA,MD,ME,MK,MO,MT,MX,MY,NG,NL,NO,NZ,OM,PA,PE,PH,PK,PL,PR,PT,PY,QA,RO,RS,RU,SA,SE,SG,SI,SK,TH,TN,TR,TW,UA,US,UY,UZ,VN,ZA' '--location:=EU,AE,AL,AM,AR,AT,AU,AZ,BA,BD,BE,BG,BH,BR,BY,CA,CH,CL,CN,CO,CR,CY,CZ,DE,DK,EC,EE,EG,ES,FI,FR,GB,GE,GR,HK,HR,HU,ID,IE,IL,IN,IS,IT,JP,KE,KR,KZ,LI,LT,LU,LV,MA,MD,ME,MK,MO,MT,MX,MY,NG,NL,NO,NZ,OM,PA,PE,PH,PK,PL,PR,PT,PY,QA,RO,RS,RU,SA,SE,SG,SI,SK,TH,TN,TR,TW,UA,US,UY,UZ,VN,ZA' '--disk:' '--cpus:' '--ram:' '--verified' '--exclude-host:' '-i:offer' '--offer:offer' '--offer-id:offer' '--image:' '--retries:' '--allow-unguarded' '-t:' '--hours:' '--for:' '--until:' '--name:' '--like:any' '--wait-for-capacity:' '--keep-stopped' '--hard-max:' '--reason:' '--image-login' '--allow-broken-guard' '--no-wait' '--timeout:' '-c:consumer' '--consumer:consumer' '--consumer-id:consumer' '--tag:tag' '--idle:' '--idle-when:=any,gpu' '--contact:' '--hold:' '--pull:' '--pull-max:' '--before-end:' '--land-for:' '-e:' '--env:' '--secret-env:' '--env-file:file' '--setup:file' '--onstart:file' '--dry-run' '-y' '--yes'
        case 'ls'
            set -a __gs_options '-c:consumer' '--consumer:consumer' '-s:=pending,provisioning,running,stopping,destroyed,failed' '--status:=pending,provisioning,running,stopping,destroyed,failed' '-a' '--all' '-w' '--watch'
        case 'sessions'
            set __gs_verbs 'delete:End a session at once, and wait until it is off.' 'done:End a session gracefully, and wait until it is off.' 'extend:Move a session\'s deadline.' 'get:Show everything about one session.' 'list:List open sessions.' 'receipt:Show the proof that a session\'s instance is gone.'
            set -a __gs_options '-c:consumer' '--consumer:consumer' '-s:=pending,provisioning,running,stopping,destroyed,failed' '--status:=pending,provisioning,running,stopping,destroyed,failed' '-a' '--all' '-w' '--watch'
        case 'sessions delete'
            set -a __gs_options '--wait:=off,proven' '--no-wait' '--timeout:' '--dry-run' '-y' '--yes'
            set __gs_args 'session'
        case 'sessions done'
            set -a __gs_options '--wait:=off,proven' '--no-wait' '--timeout:' '--dry-run' '-y' '--yes'
            set __gs_args 'session'
        case 'sessions extend'
            set -a __gs_options '-t:' '--hours:' '--for:' '--until:' '--no-wait' '--timeout:' '--dry-run' '-y' '--yes'
            set __gs_args 'session'
        case 'sessions get'
            set -a __gs_options '--receipt'
            set __gs_args 'any'
        case 'sessions list'
            set -a __gs_options '-c:consumer' '--consumer:consumer' '-s:=pending,provisioning,running,stopping,destroyed,failed' '--status:=pending,provisioning,running,stopping,destroyed,failed' '-a' '--all' '-w' '--watch'
        case 'sessions receipt'
            set __gs_args 'any'
        case 'get'
            set -a __gs_options '--receipt'
            set __gs_args 'any'
        case 'wait'
            set -a __gs_options '--for:=ready,off,proven,ended,run:' '--timeout:' '--exit-status'
            set __gs_args 'session...'
        case 'top'
        case 'extend'
            set -a __gs_options '-t:' '--hours:' '--for:' '--until:' '--no-wait' '--timeout:' '--dry-run' '-y' '--yes'
            set __gs_args 'session'
        case 'restart'
            set -a __gs_options '--dry-run' '-y' '--yes'
            set __gs_args 'session'
        case 'set'
            set -a __gs_options '--idle:' '--idle-when:=any,gpu' '--contact:' '--hold:' '--pull:' '--pull-max:' '--before-end:' '--land-for:' '--tag:tag' '--untag:tag_key' '--no-wait' '--timeout:'
            set __gs_args 'session'
        case 'done'
            set -a __gs_options '--wait:=off,proven' '--no-wait' '--timeout:' '--dry-run' '-y' '--yes'
            set __gs_args 'session'
        case 'shutdown'
            set -a __gs_options '--all' '-f' '--force' '--wait:=off,proven' '--no-wait' '--timeout:' '--dry-run' '-y' '--yes'
            set __gs_args 'session...'
        case 'receipt'
            set __gs_args 'any'
        case 'ssh'
            set -a __gs_options '-L:' '--port:' '-R:' '-N' '--no-shell' '-t' '--tty' '--print'
            set __gs_args 'session'
        case 'cp'
            set -a __gs_options '--mkdir' '--exclude:' '-v' '--verbose' '-r' '-R' '--recursive' '--resume'
            set __gs_args 'remote...'
        case 'pull'
            set -a __gs_options '--pull-max:'
            set __gs_args 'session' '-' 'file'
        case 'sync'
            set -a __gs_options '--overwrite' '--dry-run'
            set __gs_args '=up,down' 'session' 'file' '-'
        case 'code'
            set -a __gs_options '--editor:' '--print'
            set __gs_args 'session' '-'
        case 'jupyter'
            set -a __gs_options '--port:' '--no-browser'
            set __gs_args 'session'
        case 'run'
            set __gs_verbs 'ls:List the runs of a session, the newest first.' 'stop:Stop a run: SIGTERM to all its processes, and SIGKILL to what is left after 10 seconds.'
            set -a __gs_options '--rm:=always,success' '--hold:' '-d' '--detach' '-e:' '--env:' '--secret-env:' '--env-file:file'
            set __gs_args 'session'
        case 'run ls'
            set __gs_args 'any'
        case 'run stop'
            set -a __gs_options '--keep'
            set __gs_args 'session' 'run'
        case 'logs'
            set -a __gs_options '-f' '--follow' '-l' '--list' '--provider' '--exit-status' '-n:' '--tail:'
            set __gs_args 'any' 'run'
        case 'costs'
            set __gs_verbs 'show:Show costs: all of them, or those incurred in a span of time.' 'summary:Show totals by cloud, GPU and consumer, at once.'
            set -a __gs_options '-c:consumer' '--consumer:consumer' '-s:any' '--session:any' '--tag:tag' '-p:=daily,monthly' '--period:=daily,monthly' '--since:' '--start:' '--until:' '--end:' '--by:=session,consumer,cloud,account,gpu,tag,day,month' '--csv' '--rebuild' '--verify'
        case 'costs show'
            set -a __gs_options '-c:consumer' '--consumer:consumer' '-s:any' '--session:any' '--tag:tag' '-p:=daily,monthly' '--period:=daily,monthly' '--since:' '--start:' '--until:' '--end:' '--by:=session,consumer,cloud,account,gpu,tag,day,month' '--csv' '--rebuild' '--verify'
        case 'costs summary'
            set -a __gs_options '-c:consumer' '--consumer:consumer' '-p:=daily,monthly' '--period:=daily,monthly' '--since:' '--start:' '--until:' '--end:'
        case 'budget'
            set __gs_verbs 'ls:Show all budgets.' 'rm:Remove a budget; nothing is limited by it any more.' 'set:Create or change a budget.' 'show:Show one budget: its limits, who holds most, what would end.'
        case 'budget ls'
        case 'budget rm'
            set __gs_args 'budget'
        case 'budget set'
            set -a __gs_options '--daily:' '--monthly:' '--session:' '--consumer:consumer' '--account:cloud' '--tag:tag' '--all' '--at-80:=warn,none' '--at-100:=refuse,stop' '--stop-now' '--dry-run' '-y' '--yes'
            set __gs_args 'budget'
        case 'budget show'
            set __gs_args 'budget'
        case 'report'
            set -a __gs_options '--month:' '--by:=session,consumer,cloud,account,gpu,tag,day,month' '--csv'
            set __gs_args 'any'
        case 'consumers'
            set __gs_verbs 'add:Add one.' 'ls:List them with what they have cost.' 'rename:Give one another name.' 'show:Show one, by its name or by one that it had.'
        case 'consumers add'
            set __gs_args 'consumer'
        case 'consumers ls'
        case 'consumers rename'
            set __gs_args 'consumer' '-'
        case 'consumers show'
            set __gs_args 'consumer'
        case 'status'
        case 'why'
            set -a __gs_options '--replay'
            set __gs_args 'any'
        case 'alarms'
            set __gs_verbs 'ack:Acknowledge an alarm: it is no longer shown.' 'list:Show open alarms.'
        case 'alarms ack'
            set -a __gs_options '--all'
            set __gs_args 'alarm'
        case 'alarms list'
        case 'audit'
            set __gs_verbs 'instances:Compare the clouds\' instance lists with our records.' 'log:Show every act that spent money or ended something, in order.'
        case 'audit instances'
        case 'audit log'
            set -a __gs_options '-s:any' '--session:any' '-n:' '--limit:' '--verify' '--head:'
        case 'watchdog'
            set -a __gs_options '--installation:' '-p:cloud' '--provider:cloud' '--key-file:file' '--dry-run' '--once' '-q' '--quiet'
        case 'custody'
            set -a __gs_options '--host:'
            set __gs_args 'any'
        case 'adopt'
            set -a __gs_options '-t:' '--hours:' '--for:' '--until:' '-p:cloud' '--provider:cloud' '--name:' '--dry-run' '-y' '--yes'
            set __gs_args '-'
        case 'forget'
            set -a __gs_options '--i-checked-the-console' '--instance:'
            set __gs_args 'session'
        case 'events'
            set -a __gs_options '-f' '--follow' '--since:' '--until:' '--kind:=absence_observed,account_trusted,adopted,alarm,alarm_cleared,alert_given_up,attempt_terminating,boot_progress,budget_changed,closed,compacted,consumer_added,consumer_renamed,created,destroy_sent,destroying,disk_gone,disk_left,duplicate,end_files,end_requested,ended,ending,ending_withdrawn,ends_soon,extended,forgotten,idle,interrupted,landing,leftover,limits,limits_set,missing,not_pulled,passed_over,prepared,pull_failed,pulled,ready,reappeared,recovered,reopened,requested,restarted,run_end_allowed,run_end_withdrawn,run_ended,self_ended,sent,sent_again,tags_changed,uncertain,unwatched,waiting' '-s:any' '--session:any' '-n:' '--limit:'
        case 'keys'
            set __gs_verbs 'list:Show where each key and each registry login comes from; never the secret.' 'remove:Remove a stored key or login.' 'set:Store a key, typed without echo or piped in, after testing it with the cloud.' 'test:Test the stored key with the cloud.'
        case 'keys list'
        case 'keys remove'
            set __gs_args 'cloud'
        case 'keys set'
            set -a __gs_options '--user:' '--file' '--same-account' '--instance:'
            set __gs_args 'cloud'
        case 'keys test'
            set __gs_args 'cloud'
        case 'config'
            set __gs_verbs 'edit:Open config.toml in your editor ($VISUAL, $EDITOR); a faulty text is not stored, but opened again.' 'get:Print the value of one setting, from whichever source; an empty line if it is not set.' 'installation:Resolve a home folder that was copied or restored.' 'path:Print where config.toml is, whether or not it exists.' 'set:Set one setting in config.toml; everything else in it stays, comments included.' 'show:Show every setting and where it comes from; with -o wide, what it means.' 'unset:Remove one setting from config.toml: what is built in counts again.'
        case 'config edit'
        case 'config get'
            set __gs_args '=brakes.open_sessions,brakes.creates_per_hour,brakes.dollars_per_hour,money.time_zone,policy.name,keys.keyring,keys.keyring_seconds,metrics.port,daemon.group,daemon.group_folder,client.host,defaults.inventory.gpu,defaults.inventory.provider,defaults.inventory.gpus,defaults.inventory.vram,defaults.inventory.max_price,defaults.inventory.min_reliability,defaults.inventory.min_cuda,defaults.inventory.region,defaults.inventory.disk,defaults.inventory.cpus,defaults.inventory.ram,defaults.inventory.verified,defaults.inventory.exclude_host,defaults.inventory.sort,defaults.inventory.limit,defaults.provision.gpu,defaults.provision.provider,defaults.provision.gpus,defaults.provision.vram,defaults.provision.max_price,defaults.provision.min_reliability,defaults.provision.min_cuda,defaults.provision.region,defaults.provision.disk,defaults.provision.cpus,defaults.provision.ram,defaults.provision.verified,defaults.provision.exclude_host,defaults.provision.image,defaults.provision.hours,defaults.provision.retries,defaults.provision.consumer'
        case 'config installation'
            set __gs_args '=keep,new'
        case 'config path'
        case 'config set'
            set __gs_args '=brakes.open_sessions,brakes.creates_per_hour,brakes.dollars_per_hour,money.time_zone,policy.name,keys.keyring,keys.keyring_seconds,metrics.port,daemon.group,daemon.group_folder,client.host,defaults.inventory.gpu,defaults.inventory.provider,defaults.inventory.gpus,defaults.inventory.vram,defaults.inventory.max_price,defaults.inventory.min_reliability,defaults.inventory.min_cuda,defaults.inventory.region,defaults.inventory.disk,defaults.inventory.cpus,defaults.inventory.ram,defaults.inventory.verified,defaults.inventory.exclude_host,defaults.inventory.sort,defaults.inventory.limit,defaults.provision.gpu,defaults.provision.provider,defaults.provision.gpus,defaults.provision.vram,defaults.provision.max_price,defaults.provision.min_reliability,defaults.provision.min_cuda,defaults.provision.region,defaults.provision.disk,defaults.provision.cpus,defaults.provision.ram,defaults.provision.verified,defaults.provision.exclude_host,defaults.provision.image,defaults.provision.hours,defaults.provision.retries,defaults.provision.consumer' '-'
        case 'config show'
        case 'config unset'
            set __gs_args '=brakes.open_sessions,brakes.creates_per_hour,brakes.dollars_per_hour,money.time_zone,policy.name,keys.keyring,keys.keyring_seconds,metrics.port,daemon.group,daemon.group_folder,client.host,defaults.inventory.gpu,defaults.inventory.provider,defaults.inventory.gpus,defaults.inventory.vram,defaults.inventory.max_price,defaults.inventory.min_reliability,defaults.inventory.min_cuda,defaults.inventory.region,defaults.inventory.disk,defaults.inventory.cpus,defaults.inventory.ram,defaults.inventory.verified,defaults.inventory.exclude_host,defaults.inventory.sort,defaults.inventory.limit,defaults.provision.gpu,defaults.provision.provider,defaults.provision.gpus,defaults.provision.vram,defaults.provision.max_price,defaults.provision.min_reliability,defaults.provision.min_cuda,defaults.provision.region,defaults.provision.disk,defaults.provision.cpus,defaults.provision.ram,defaults.provision.verified,defaults.provision.exclude_host,defaults.provision.image,defaults.provision.hours,defaults.provision.retries,defaults.provision.consumer'
        case 'notify'
            set __gs_verbs 'add:Add a channel, or replace the one of that name.' 'ls:Show where alerts are sent, and what has not arrived.' 'rm:Remove a channel and its address.' 'test:Send a message over one channel, or over all.'
        case 'notify add'
            set -a __gs_options '--kind:=webhook,slack,discord,ntfy,desktop,command' '--on:=budgets,ends-soon,ended,runs,alarms' '--file'
            set __gs_args 'channel' 'file...'
        case 'notify ls'
        case 'notify rm'
            set __gs_args 'channel'
        case 'notify test'
            set __gs_args 'channel'
        case 'ssh-config'
            set __gs_verbs 'install:Add the line at the top of ~/.ssh/config; everything else stays as it is.' 'print:Print the line for ~/.ssh/config, and the entries it includes.' 'remove:Remove the line from ~/.ssh/config; everything else stays as it is.'
        case 'ssh-config install'
        case 'ssh-config print'
        case 'ssh-config remove'
        case 'daemon'
            set __gs_verbs 'install:Let the system keep it running: a systemd user unit, or a LaunchAgent on macOS.' 'logs:Show the end of its log: text on a terminal, JSON lines elsewhere and with --json.' 'purge:Remove everything here: records, costs, kept outputs, keys, settings.' 'restart:Stop it and start it again; sessions continue.' 'run:Run in the foreground, for a supervisor or to watch it.' 'start:Start in the background, unless it runs.' 'status:Show whether it runs; starts nothing.' 'stop:Stop it.' 'uninstall:Stop it, and let the system start it no more.'
        case 'daemon install'
            set -a __gs_options '--print' '--linger' '--no-linger'
        case 'daemon logs'
            set -a __gs_options '-n:' '--lines:'
        case 'daemon purge'
            set -a __gs_options '-y' '--yes' '--dry-run' '--i-checked-the-console'
        case 'daemon restart'
        case 'daemon run'
        case 'daemon start'
        case 'daemon status'
        case 'daemon stop'
        case 'daemon uninstall'
        case 'backup'
            set __gs_verbs 'ls:List the backups, the newest first.' 'make:Make one now: in FILE, which must not exist yet, or as the newest of the seven daily ones.' 'restore:Put a backup in the place of the records: a file, one that is listed, or `newest`.'
        case 'backup ls'
        case 'backup make'
            set __gs_args 'file'
        case 'backup restore'
            set -a __gs_options '--yes' '-y'
            set __gs_args 'backup'
        case 'doctor'
            set -a __gs_options '--trial:cloud' '--max-usd:' '-y' '--yes'
        case 'completion'
            set __gs_verbs 'bash:Print the script for bash.' 'fish:Print the script for fish.' 'install:Write the script, and let your shell read it at its start; without SHELL, for the one that $SHELL names.' 'uninstall:Remove the script and the line again.' 'zsh:Print the script for zsh.'
        case 'completion bash'
        case 'completion fish'
        case 'completion install'
            set __gs_args '=bash,zsh,fish'
        case 'completion uninstall'
            set __gs_args '=bash,zsh,fish'
        case 'completion zsh'
        case 'version'
        case 'help'
            set __gs_args '=inventory,plan,provision,ls,sessions,get,wait,top,extend,restart,set,done,shutdown,receipt,ssh,cp,pull,sync,code,jupyter,run,logs,costs,budget,report,consumers,status,why,alarms,audit,watchdog,custody,adopt,forget,events,keys,config,notify,ssh-config,daemon,backup,doctor,completion,version,help,demo,sandbox,exit-codes,environment,formatting,safety'
        case 'demo'
            set -a __gs_options '--seed:' '--paper' '--keep'
        case 'sandbox'
            set __gs_verbs 'advance:Move the sandbox\'s clock forward; to the daemon it looks like sleep.' 'fault:Inject faults into the simulated clouds.' 'launch:Start a foreign instance on the same account.' 'ledger:Show the sandbox\'s own ledger, which the receipts must match.' 'revise:Change an instance as its host or its operator would.' 'start:Start the sandbox; exits 0 when all its clouds answer.' 'status:Show the clouds\' addresses and the sandbox\'s time.' 'stop:Stop the sandbox and its daemon; both continue from their files at the next start.'
        case 'sandbox advance'
            set __gs_args '-'
        case 'sandbox fault'
            set __gs_verbs 'add:Add a fault to a cloud\'s calls.' 'clear:Remove one fault, or all.' 'list:List the faults, and how often each acted.' 'words:List the words of faults, the calls they act on, and their arguments.'
        case 'sandbox fault add'
            set -a __gs_options '--count:' '--for:' '--instance:' '--chance:'
            set __gs_args 'cloud' '=search,create,list,get,destroy,label,account,logs,log_file,charges,any,host' '=drop,commit_then_500,commit_then_hang,commit_then_reset,commit_then_garbage,commit_then_no_id,error_with_id,late,dup,stopped,label_drop,label_cut,env_drop,stuck_loading,start_failure,unavailable,reject,id_never_exists,refused_yet_created,stranger_id,no_forwards,key_drop,lag,omit,page_cut,page_shift,dup_rows,foreign,empty200,null200,needs_key,stale_stock,null,404,stale,no_field,status_word,shape,ack_noop,delay,500_done,404_alive,404_gone,stop_instead,zombie,needs_min_age,no_content,misbill,revoke,zero_balance,balance_lag,price_change,status,auth404,429,429_plain_text,schema_change,pace,hang,dns,blackhole,drip,huge,reset,offline,captive_portal,slow,ssh_refuse,ssh_authfail,hostkey_change,reboot,clock_skew,no_egress,disk_full,agent_kill,key_scope' '-'
        case 'sandbox fault clear'
            set __gs_args '-'
        case 'sandbox fault list'
        case 'sandbox fault words'
        case 'sandbox launch'
            set -a __gs_options '--label:'
            set __gs_args 'cloud'
        case 'sandbox ledger'
        case 'sandbox revise'
            set __gs_args '-' '=destroy,host_destroy,stop,start,outbid,offline_host,online_host,reboot_host,contract_end,price_factor,reclaim_gpus,gpu_load,gpu_claim' '-'
        case 'sandbox start'
            set -a __gs_options '--paper' '--live' '--seed:' '--rate-gaps:=on,off' '--clouds:cloud' '--fresh'
        case 'sandbox status'
        case 'sandbox stop'
    end
end

# Names come from a file that the daemon writes; without it there are none.
function __gpu_shopper_home
    set -l home $GPU_SHOPPER_HOME
    if test -z "$home"
        if test -d "$HOME/Library/Application Support/gpu-shopper"
            set home "$HOME/Library/Application Support/gpu-shopper"
        else if set -q XDG_DATA_HOME; and test -n "$XDG_DATA_HOME"
            set home $XDG_DATA_HOME/gpu-shopper
        else
            set home $HOME/.local/share/gpu-shopper
        end
    end
    if test $__gs_sandbox = 1
        set home $home/sandbox
    else if string match -qr -- '^[A-Za-z0-9._-]+$' "$__gs_host"; and test "$__gs_host" != local
        set home $home/hosts/$__gs_host
    else if test -n "$__gs_host"; and test "$__gs_host" != local
        set home $home/hosts/-
    end
    echo $home
end

function __gpu_shopper_names
    set -l home (__gpu_shopper_home)
    test -r $home/names; or return
    while read -l -d \t kind name rest
        contains -- $kind $argv[2..]; and printf '%s%s\t%s\n' $name "$argv[1]" "$rest"
    end <$home/names
end

# What a session's instance answers, line by line, each after a prefix; of a host that the daemon has listed alone.
function __gpu_shopper_there
    set -l config (__gpu_shopper_home)/ssh/config
    set -l known 0
    test -r $config; or return
    while read -l line
        test "$line" = "Host gpu-shopper-$argv[1]"; and set known 1
    end <$config
    test $known = 1; or return
    command ssh -nT -F $config -o BatchMode=yes -o ConnectTimeout=2 -o LogLevel=QUIET gpu-shopper-$argv[1] $argv[2] 2>/dev/null | command head -c 65536 |
        string match -r '^[^[:cntrl:]]+$' | string replace -r '^' "$argv[3]"
end

function __gpu_shopper_values
    switch "$argv[1]"
        case '=*'
            string split , (string sub -s 2 -- $argv[1])
        case gpu
            printf '%s\n' 3060 3080 3090 4070 4080 4090 5080 5090 A4000 A5000 A6000 A10 A40 A100 H100 H200 B200 L4 L40 L40S T4 V100 RTX6000Ada
        case cloud
            printf '%s\n' vast tensordock
            __gpu_shopper_names '' account
        case backup
            echo newest
            __gpu_shopper_names '' backup
        case session
            __gpu_shopper_names '' open
        case any
            __gpu_shopper_names '' open ended
        case run
            test -n "$__gs_first"; or return
            set -l there (__gpu_shopper_there $__gs_first 'ls -1t "$HOME/.gpu-shopper/runs" 2>/dev/null | head -n 50' '')
            if test -n "$there"
                printf '%s\n' $there
            else
                set -l session (string escape --style=regex -- $__gs_first)
                __gpu_shopper_names '' run | string match -r "^.*(?=\t$session\$)"
            end
        case remote
            if string match -qr '^[^:]+:[A-Za-z0-9._/+@%~-]*$' -- $__gs_current
                set -l name (string replace -r ':.*' '' -- $__gs_current)
                set -l path (string replace -r '^[^:]*:' '' -- $__gs_current)
                __gpu_shopper_there $name "ls -1dp -- $path* 2>/dev/null | head -n 200" $name:
            else
                __gpu_shopper_names : open
                __fish_complete_path $__gs_current
            end
        case file
            __fish_complete_path $__gs_current
        case '' -
        case '*'
            __gpu_shopper_names '' $argv[1]
    end
end

function __gpu_shopper_option
    set -l kind (string match -- "$argv[1]:*" $__gs_options)[1]
    __gpu_shopper_values (string replace -r '^[^:]*:' '' -- $kind)
end

function __gpu_shopper
    set -g __gs_sandbox 0
    set -g __gs_host "$GPU_SHOPPER_HOST"
    set -g __gs_first ''
    set -g __gs_current (commandline -ct)
    set -l path
    set -l place 0
    set -l skip ''
    __gpu_shopper_spec ''
    for word in (commandline -opc)[2..]
        if test -n "$skip"
            test "$path$skip" = --host; and set __gs_host $word
            set skip ''
            continue
        end
        switch $word
            case --
                __gpu_shopper_values file
                return
            case --sandbox
                set __gs_sandbox 1
            case '--host=*'
                test -z "$path"; and set __gs_host (string replace -- '--host=' '' $word)
            case '-*'
                string match -q -- "$word:*" $__gs_options; and set skip $word
            case '*'
                if contains -- $word (string replace -r ':.*' '' -- $__gs_verbs)
                    set path $path $word
                    __gpu_shopper_spec "$path"
                else
                    test -n "$__gs_first"; or set __gs_first $word
                    set place (math $place + 1)
                end
        end
    end
    if test -n "$skip"
        __gpu_shopper_option $skip
        return
    end
    if string match -qr -- '^--[^=]*=' $__gs_current
        set -l option (string replace -r '=.*' '' -- $__gs_current)
        set __gs_current (string replace -r '^[^=]*=' '' -- $__gs_current)
        __gpu_shopper_option $option | string replace -r -- '^' "$option="
        return
    end
    if string match -q -- '-*' $__gs_current
        string replace -r ':.*' '' -- $__gs_options
        return
    end
    if test -z "$__gs_first"; and test -n "$__gs_verbs"
        string replace ':' \t -- $__gs_verbs
    end
    for kind in $__gs_args
        if string match -q -- '*...' $kind
            __gpu_shopper_values (string replace '...' '' -- $kind)
            return
        end
        if test $place = 0
            __gpu_shopper_values $kind
            return
        end
        set place (math $place - 1)
    end
end

complete -c gpu-shopper -e
complete -c gpu-shopper -f -a '(__gpu_shopper)'
