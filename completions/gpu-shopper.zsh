#compdef gpu-shopper
# Completion of gpu-shopper for zsh: made by `gpu-shopper completion zsh`; do not edit.

_gpu_shopper_spec() {
  described_path=$1
  verbs= args=
  flags='--help -h --json -q --quiet --sandbox' valued='-o:=table,json,jsonl,wide,name,csv --output:=table,json,jsonl,wide,name,csv --fields: --progress:=auto,plain,json,none --color:=auto,always,never --host:'
  case $1 in
    '') verbs="inventory plan provision ls sessions get wait top extend restart set done shutdown receipt ssh cp pull sync code jupyter run logs costs budget report consumers status why alarms audit watchdog custody adopt forget events keys config notify ssh-config daemon backup doctor completion version help demo sandbox" flags="$flags --version" ;;
    'inventory') flags="$flags --verified" valued="$valued -g:gpu --gpu:gpu --gpu-type:gpu -p:cloud --provider:cloud --account:cloud --gpus: --min-gpus: --min-vram: --max-price: --min-reliability: --min-cuda: --region:=EU,AE,AL,AM,AR,AT,AU,AZ,BA,BD,BE,BG,BH,BR,BY,CA,CH,CL,CN,CO,CR,CY,CZ,DE,DK,EC,EE,EG,ES,FI,FR,GB,GE,GR,HK,HR,HU,ID,IE,IL,IN,IS,IT,JP,KE,KR,KZ,LI,LT,LU,LV,MA,MD,ME,MK,MO,MT,MX,MY,NG,NL,NO,NZ,OM,PA,PE,PH,PK,PL,PR,PT,PY,QA,RO,RS,RU,SA,SE,SG,SI,SK,TH,TN,TR,TW,UA,US,UY,UZ,VN,ZA --location:=EU,AE,AL,AM,AR,AT,AU,AZ,BA,BD,BE,BG,BH,BR,BY,CA,CH,CL,CN,CO,CR,CY,CZ,DE,DK,EC,EE,EG,ES,FI,FR,GB,GE,GR,HK,HR,HU,ID,IE,IL,IN,IS,IT,JP,KE,KR,KZ,LI,LT,LU,LV,MA,MD,ME,MK,MO,MT,MX,MY,NG,NL,NO,NZ,OM,PA,PE,PH,PK,PL,PR,PT,PY,QA,RO,RS,RU,SA,SE,SG,SI,SK,TH,TN,TR,TW,UA,US,UY,UZ,VN,ZA --disk: --cpus: --ram: --exclude-host: --sort:=price,price-per-gpu,value,vram,reliability,gpus --group-by:=gpu,cloud,region --offset: --limit:" ;;
    'plan') flags="$flags --verified --allow-unguarded" valued="$valued -g:gpu --gpu:gpu --gpu-type:gpu -p:cloud --provider:cloud --account:cloud --gpus: --min-gpus: --min-vram: --max-price: --min-reliability: --min-cuda: --region:=EU,AE,AL,AM,AR,AT,AU,AZ,BA,BD,BE,BG,BH,BR,BY,CA,CH,CL,CN,CO,CR,CY,CZ,DE,DK,EC,EE,EG,ES,FI,FR,GB,GE,GR,HK,HR,HU,ID,IE,IL,IN,IS,IT,JP,KE,KR,KZ,LI,LT,LU,LV,MA,MD,ME,MK,MO,MT,MX,MY,NG,NL,NO,NZ,OM,PA,PE,PH,PK,PL,PR,PT,PY,QA,RO,RS,RU,SA,SE,SG,SI,SK,TH,TN,TR,TW,UA,US,UY,UZ,VN,ZA --location:=EU,AE,AL,AM,AR,AT,AU,AZ,BA,BD,BE,BG,BH,BR,BY,CA,CH,CL,CN,CO,CR,CY,CZ,DE,DK,EC,EE,EG,ES,FI,FR,GB,GE,GR,HK,HR,HU,ID,IE,IL,IN,IS,IT,JP,KE,KR,KZ,LI,LT,LU,LV,MA,MD,ME,MK,MO,MT,MX,MY,NG,NL,NO,NZ,OM,PA,PE,PH,PK,PL,PR,PT,PY,QA,RO,RS,RU,SA,SE,SG,SI,SK,TH,TN,TR,TW,UA,US,UY,UZ,VN,ZA --disk: --cpus: --ram: --exclude-host: -i:offer --offer:offer --offer-id:offer --image: --retries: -t: --hours: --for: --until: -c:consumer --consumer:consumer --consumer-id:consumer --tag:tag --idle: --idle-when:=any,gpu --contact: --hold: --pull: --pull-max: --before-end: --land-for:" ;;
    'provision') flags="$flags --verified --allow-unguarded --keep-stopped --image-login --allow-broken-guard --no-wait --dry-run -y --yes" valued="$valued -g:gpu --gpu:gpu --gpu-type:gpu -p:cloud --provider:cloud --account:cloud --gpus: --min-gpus: --min-vram: --max-price: --min-reliability: --min-cuda: --region:=EU,AE,AL,AM,AR,AT,AU,AZ,BA,BD,BE,BG,BH,BR,BY,CA,CH,CL,CN,CO,CR,CY,CZ,DE,DK,EC,EE,EG,ES,FI,FR,GB,GE,GR,HK,HR,HU,ID,IE,IL,IN,IS,IT,JP,KE,KR,KZ,LI,LT,LU,LV,MA,MD,ME,MK,MO,MT,MX,MY,NG,NL,NO,NZ,OM,PA,PE,PH,PK,PL,PR,PT,PY,QA,RO,RS,RU,SA,SE,SG,SI,SK,TH,TN,TR,TW,UA,US,UY,UZ,VN,ZA --location:=EU,AE,AL,AM,AR,AT,AU,AZ,BA,BD,BE,BG,BH,BR,BY,CA,CH,CL,CN,CO,CR,CY,CZ,DE,DK,EC,EE,EG,ES,FI,FR,GB,GE,GR,HK,HR,HU,ID,IE,IL,IN,IS,IT,JP,KE,KR,KZ,LI,LT,LU,LV,MA,MD,ME,MK,MO,MT,MX,MY,NG,NL,NO,NZ,OM,PA,PE,PH,PK,PL,PR,PT,PY,QA,RO,RS,RU,SA,SE,SG,SI,SK,TH,TN,TR,TW,UA,US,UY,UZ,VN,ZA --disk: --cpus: --ram: --exclude-host: -i:offer --offer:offer --offer-id:offer --image: --retries: -t: --hours: --for: --until: --name: --like:any --wait-for-capacity: --hard-max: --reason: --timeout: -c:consumer --consumer:consumer --consumer-id:consumer --tag:tag --idle: --idle-when:=any,gpu --contact: --hold: --pull: --pull-max: --before-end: --land-for: -e: --env: --secret-env: --env-file:file --setup:file --onstart:file" ;;
    'ls') flags="$flags -a --all -w --watch" valued="$valued -c:consumer --consumer:consumer -s:=pending,provisioning,running,stopping,destroyed,failed --status:=pending,provisioning,running,stopping,destroyed,failed" ;;
    'sessions') verbs="delete done extend get list receipt" flags="$flags -a --all -w --watch" valued="$valued -c:consumer --consumer:consumer -s:=pending,provisioning,running,stopping,destroyed,failed --status:=pending,provisioning,running,stopping,destroyed,failed" ;;
    'sessions delete') flags="$flags --no-wait --dry-run -y --yes" valued="$valued --wait:=off,proven --timeout:" args="session" ;;
    'sessions done') flags="$flags --no-wait --dry-run -y --yes" valued="$valued --wait:=off,proven --timeout:" args="session" ;;
    'sessions extend') flags="$flags --no-wait --dry-run -y --yes" valued="$valued -t: --hours: --for: --until: --timeout:" args="session" ;;
    'sessions get') flags="$flags --receipt" args="any" ;;
    'sessions list') flags="$flags -a --all -w --watch" valued="$valued -c:consumer --consumer:consumer -s:=pending,provisioning,running,stopping,destroyed,failed --status:=pending,provisioning,running,stopping,destroyed,failed" ;;
    'sessions receipt') args="any" ;;
    'get') flags="$flags --receipt" args="any" ;;
    'wait') flags="$flags --exit-status" valued="$valued --for:=ready,off,proven,ended,run: --timeout:" args="session..." ;;
    'top') : ;;
    'extend') flags="$flags --no-wait --dry-run -y --yes" valued="$valued -t: --hours: --for: --until: --timeout:" args="session" ;;
    'restart') flags="$flags --dry-run -y --yes" args="session" ;;
    'set') flags="$flags --no-wait" valued="$valued --idle: --idle-when:=any,gpu --contact: --hold: --pull: --pull-max: --before-end: --land-for: --tag:tag --untag:tag_key --timeout:" args="session" ;;
    'done') flags="$flags --no-wait --dry-run -y --yes" valued="$valued --wait:=off,proven --timeout:" args="session" ;;
    'shutdown') flags="$flags --all -f --force --no-wait --dry-run -y --yes" valued="$valued --wait:=off,proven --timeout:" args="session..." ;;
    'receipt') args="any" ;;
    'ssh') flags="$flags -N --no-shell -t --tty --print" valued="$valued -L: --port: -R:" args="session" ;;
    'cp') flags="$flags --mkdir -v --verbose -r -R --recursive --resume" valued="$valued --exclude:" args="remote..." ;;
    'pull') valued="$valued --pull-max:" args="session - file" ;;
    'sync') flags="$flags --overwrite --dry-run" args="=up,down session file -" ;;
    'code') flags="$flags --print" valued="$valued --editor:" args="session -" ;;
    'jupyter') flags="$flags --no-browser" valued="$valued --port:" args="session" ;;
    'run') verbs="ls stop" flags="$flags -d --detach" valued="$valued --rm:=always,success --hold: -e: --env: --secret-env: --env-file:file" args="session" ;;
    'run ls') args="any" ;;
    'run stop') flags="$flags --keep" args="session run" ;;
    'logs') flags="$flags -f --follow -l --list --provider --exit-status" valued="$valued -n: --tail:" args="any run" ;;
    'costs') verbs="show summary" flags="$flags --csv --rebuild --verify" valued="$valued -c:consumer --consumer:consumer -s:any --session:any --tag:tag -p:=daily,monthly --period:=daily,monthly --since: --start: --until: --end: --by:=session,consumer,cloud,account,gpu,tag,day,month" ;;
    'costs show') flags="$flags --csv --rebuild --verify" valued="$valued -c:consumer --consumer:consumer -s:any --session:any --tag:tag -p:=daily,monthly --period:=daily,monthly --since: --start: --until: --end: --by:=session,consumer,cloud,account,gpu,tag,day,month" ;;
    'costs summary') valued="$valued -c:consumer --consumer:consumer -p:=daily,monthly --period:=daily,monthly --since: --start: --until: --end:" ;;
    'budget') verbs="ls rm set show" ;;
    'budget ls') : ;;
    'budget rm') args="budget" ;;
    'budget set') flags="$flags --all --stop-now --dry-run -y --yes" valued="$valued --daily: --monthly: --session: --consumer:consumer --account:cloud --tag:tag --at-80:=warn,none --at-100:=refuse,stop" args="budget" ;;
    'budget show') args="budget" ;;
    'report') flags="$flags --csv" valued="$valued --month: --by:=session,consumer,cloud,account,gpu,tag,day,month" args="any" ;;
    'consumers') verbs="add ls rename show" ;;
    'consumers add') args="consumer" ;;
    'consumers ls') : ;;
    'consumers rename') args="consumer -" ;;
    'consumers show') args="consumer" ;;
    'status') : ;;
    'why') flags="$flags --replay" args="any" ;;
    'alarms') verbs="ack list" ;;
    'alarms ack') flags="$flags --all" args="alarm" ;;
    'alarms list') : ;;
    'audit') verbs="instances log" ;;
    'audit instances') : ;;
    'audit log') flags="$flags --verify" valued="$valued -s:any --session:any -n: --limit: --head:" ;;
    'watchdog') flags="$flags --dry-run --once -q --quiet" valued="$valued --installation: -p:cloud --provider:cloud --key-file:file" ;;
    'custody') valued="$valued --host:" args="any" ;;
    'adopt') flags="$flags --dry-run -y --yes" valued="$valued -t: --hours: --for: --until: -p:cloud --provider:cloud --name:" args="-" ;;
    'forget') flags="$flags --i-checked-the-console" valued="$valued --instance:" args="session" ;;
    'events') flags="$flags -f --follow" valued="$valued --since: --until: --kind:=absence_observed,account_trusted,adopted,alarm,alarm_cleared,alert_given_up,attempt_terminating,boot_progress,budget_changed,closed,compacted,consumer_added,consumer_renamed,created,destroy_sent,destroying,disk_gone,disk_left,duplicate,end_files,end_requested,ended,ending,ending_withdrawn,ends_soon,extended,forgotten,idle,interrupted,landing,leftover,limits,limits_set,missing,not_pulled,passed_over,prepared,pull_failed,pulled,ready,reappeared,recovered,reopened,requested,restarted,run_end_allowed,run_end_withdrawn,run_ended,self_ended,sent,sent_again,tags_changed,uncertain,unwatched,waiting -s:any --session:any -n: --limit:" ;;
    'keys') verbs="list remove set test" ;;
    'keys list') : ;;
    'keys remove') args="cloud" ;;
    'keys set') flags="$flags --file --same-account" valued="$valued --user: --instance:" args="cloud" ;;
    'keys test') args="cloud" ;;
    'config') verbs="edit get installation path set show unset" ;;
    'config edit') : ;;
    'config get') args="=brakes.open_sessions,brakes.creates_per_hour,brakes.dollars_per_hour,money.time_zone,policy.name,keys.keyring,keys.keyring_seconds,metrics.port,daemon.group,daemon.group_folder,client.host,defaults.inventory.gpu,defaults.inventory.provider,defaults.inventory.gpus,defaults.inventory.vram,defaults.inventory.max_price,defaults.inventory.min_reliability,defaults.inventory.min_cuda,defaults.inventory.region,defaults.inventory.disk,defaults.inventory.cpus,defaults.inventory.ram,defaults.inventory.verified,defaults.inventory.exclude_host,defaults.inventory.sort,defaults.inventory.limit,defaults.provision.gpu,defaults.provision.provider,defaults.provision.gpus,defaults.provision.vram,defaults.provision.max_price,defaults.provision.min_reliability,defaults.provision.min_cuda,defaults.provision.region,defaults.provision.disk,defaults.provision.cpus,defaults.provision.ram,defaults.provision.verified,defaults.provision.exclude_host,defaults.provision.image,defaults.provision.hours,defaults.provision.retries,defaults.provision.consumer" ;;
    'config installation') args="=keep,new" ;;
    'config path') : ;;
    'config set') args="=brakes.open_sessions,brakes.creates_per_hour,brakes.dollars_per_hour,money.time_zone,policy.name,keys.keyring,keys.keyring_seconds,metrics.port,daemon.group,daemon.group_folder,client.host,defaults.inventory.gpu,defaults.inventory.provider,defaults.inventory.gpus,defaults.inventory.vram,defaults.inventory.max_price,defaults.inventory.min_reliability,defaults.inventory.min_cuda,defaults.inventory.region,defaults.inventory.disk,defaults.inventory.cpus,defaults.inventory.ram,defaults.inventory.verified,defaults.inventory.exclude_host,defaults.inventory.sort,defaults.inventory.limit,defaults.provision.gpu,defaults.provision.provider,defaults.provision.gpus,defaults.provision.vram,defaults.provision.max_price,defaults.provision.min_reliability,defaults.provision.min_cuda,defaults.provision.region,defaults.provision.disk,defaults.provision.cpus,defaults.provision.ram,defaults.provision.verified,defaults.provision.exclude_host,defaults.provision.image,defaults.provision.hours,defaults.provision.retries,defaults.provision.consumer -" ;;
    'config show') : ;;
    'config unset') args="=brakes.open_sessions,brakes.creates_per_hour,brakes.dollars_per_hour,money.time_zone,policy.name,keys.keyring,keys.keyring_seconds,metrics.port,daemon.group,daemon.group_folder,client.host,defaults.inventory.gpu,defaults.inventory.provider,defaults.inventory.gpus,defaults.inventory.vram,defaults.inventory.max_price,defaults.inventory.min_reliability,defaults.inventory.min_cuda,defaults.inventory.region,defaults.inventory.disk,defaults.inventory.cpus,defaults.inventory.ram,defaults.inventory.verified,defaults.inventory.exclude_host,defaults.inventory.sort,defaults.inventory.limit,defaults.provision.gpu,defaults.provision.provider,defaults.provision.gpus,defaults.provision.vram,defaults.provision.max_price,defaults.provision.min_reliability,defaults.provision.min_cuda,defaults.provision.region,defaults.provision.disk,defaults.provision.cpus,defaults.provision.ram,defaults.provision.verified,defaults.provision.exclude_host,defaults.provision.image,defaults.provision.hours,defaults.provision.retries,defaults.provision.consumer" ;;
    'notify') verbs="add ls rm test" ;;
    'notify add') flags="$flags --file" valued="$valued --kind:=webhook,slack,discord,ntfy,desktop,command --on:=budgets,ends-soon,ended,runs,alarms" args="channel file..." ;;
    'notify ls') : ;;
    'notify rm') args="channel" ;;
    'notify test') args="channel" ;;
    'ssh-config') verbs="install print remove" ;;
    'ssh-config install') : ;;
    'ssh-config print') : ;;
    'ssh-config remove') : ;;
    'daemon') verbs="install logs purge restart run start status stop uninstall" ;;
    'daemon install') flags="$flags --print --linger --no-linger" ;;
    'daemon logs') valued="$valued -n: --lines:" ;;
    'daemon purge') flags="$flags -y --yes --dry-run --i-checked-the-console" ;;
    'daemon restart') : ;;
    'daemon run') : ;;
    'daemon start') : ;;
    'daemon status') : ;;
    'daemon stop') : ;;
    'daemon uninstall') : ;;
    'backup') verbs="ls make restore" ;;
    'backup ls') : ;;
    'backup make') args="file" ;;
    'backup restore') flags="$flags --yes -y" args="backup" ;;
    'doctor') flags="$flags -y --yes" valued="$valued --trial:cloud --max-usd:" ;;
    'completion') verbs="bash fish install uninstall zsh" ;;
    'completion bash') : ;;
    'completion fish') : ;;
    'completion install') args="=bash,zsh,fish" ;;
    'completion uninstall') args="=bash,zsh,fish" ;;
    'completion zsh') : ;;
    'version') : ;;
    'help') args="=inventory,plan,provision,ls,sessions,get,wait,top,extend,restart,set,done,shutdown,receipt,ssh,cp,pull,sync,code,jupyter,run,logs,costs,budget,report,consumers,status,why,alarms,audit,watchdog,custody,adopt,forget,events,keys,config,notify,ssh-config,daemon,backup,doctor,completion,version,help,demo,sandbox,exit-codes,environment,formatting,safety" ;;
    'demo') flags="$flags --paper --keep" valued="$valued --seed:" ;;
    'sandbox') verbs="advance fault launch ledger revise start status stop" ;;
    'sandbox advance') args="-" ;;
    'sandbox fault') verbs="add clear list words" ;;
    'sandbox fault add') valued="$valued --count: --for: --instance: --chance:" args="cloud =search,create,list,get,destroy,label,account,logs,log_file,charges,any,host =drop,commit_then_500,commit_then_hang,commit_then_reset,commit_then_garbage,commit_then_no_id,error_with_id,late,dup,stopped,label_drop,label_cut,env_drop,stuck_loading,start_failure,unavailable,reject,id_never_exists,refused_yet_created,stranger_id,no_forwards,key_drop,lag,omit,page_cut,page_shift,dup_rows,foreign,empty200,null200,needs_key,stale_stock,null,404,stale,no_field,status_word,shape,ack_noop,delay,500_done,404_alive,404_gone,stop_instead,zombie,needs_min_age,no_content,misbill,revoke,zero_balance,balance_lag,price_change,status,auth404,429,429_plain_text,schema_change,pace,hang,dns,blackhole,drip,huge,reset,offline,captive_portal,slow,ssh_refuse,ssh_authfail,hostkey_change,reboot,clock_skew,no_egress,disk_full,agent_kill,key_scope -" ;;
    'sandbox fault clear') args="-" ;;
    'sandbox fault list') : ;;
    'sandbox fault words') : ;;
    'sandbox launch') valued="$valued --label:" args="cloud" ;;
    'sandbox ledger') : ;;
    'sandbox revise') args="- =destroy,host_destroy,stop,start,outbid,offline_host,online_host,reboot_host,contract_end,price_factor,reclaim_gpus,gpu_load,gpu_claim -" ;;
    'sandbox start') flags="$flags --paper --live --fresh" valued="$valued --seed: --rate-gaps:=on,off --clouds:cloud" ;;
    'sandbox status') : ;;
    'sandbox stop') : ;;
  esac
}

_gpu_shopper_described() {
  case $1 in
    '') described=('inventory:Show the offers of all clouds, cheapest first.' 'plan:Show what `provision` would rent, its max cost, and what happens at its end.' 'provision:Rent a GPU for a given time.' 'ls:List open sessions.' 'sessions:List, show, extend and end sessions.' 'get:Show everything about one session.' 'wait:Wait until sessions are in a state, or until a run has ended.' 'top:Watch open sessions: status, GPU use, money so far and at most, time left, guards; alarms below.' 'extend:Move a session'\''s deadline.' 'restart:Restart a session'\''s instance in place, where its cloud has a call for it.' 'set:Change what ends a session early, what is done before its end, and its tags; its deadline stays (see extend).' 'done:End a session gracefully, and wait until it is off.' 'shutdown:End sessions and wait until they are off.' 'receipt:Show the proof that a session'\''s instance is gone.' 'ssh:Log in to a session'\''s instance, or run a command there.' 'cp:Copy files and folders to or from a session'\''s instance.' 'pull:Copy the folder DIR of a session into a new folder under LOCAL.' 'sync:Copy what is new or has changed: up from DIR here to REMOTE there, or down from REMOTE to DIR.' 'code:Open VS Code here on a folder of a session'\''s instance.' 'jupyter:Open Jupyter on a session'\''s instance.' 'run:Run a command on a session'\''s instance; it continues when the connection is lost or this command ends.' 'logs:Show a run'\''s output; without a run id, that of the newest run.' 'costs:Show what was spent, and the max cost by the deadlines.' 'budget:Limit what may be spent, and see how much of it is.' 'report:Report one session in Markdown: what was rented, what ran, what it cost, how it ended.' 'consumers:Whom sessions are charged to: yourself, unless `provision --consumer NAME` says another.' 'status:Show daemon, clouds, open costs and alarms.' 'why:Show what would end a session and when, who does it, and what is done before.' 'alarms:Problems that need your attention.' 'audit:Compare the clouds'\'' instance lists with our records; show and check the log of what was rented and ended.' 'watchdog:End instances that outlived their hard maximum: a second watcher beside the daemon.' 'custody:Show what was sent to which host: variables, logins, scripts and files, and what to rotate.' 'adopt:Make an instance that you name by its id end in time.' 'forget:Forget a session whose end cannot be proven.' 'events:Show what happened, in order.' 'keys:Store and test the clouds'\'' API keys, and logins at image registries.' 'config:Show and change settings; resolve a copied home folder.' 'notify:Be told elsewhere what happens here: before an end, at an end, when a run ends, of budgets and alarms.' 'ssh-config:Make running sessions known to your own ssh as gpu-shopper-NAME.' 'daemon:Start, stop and watch the daemon.' 'backup:Copies of the records: sessions, costs, budgets, events.' 'doctor:Check keys, clouds, clock, ssh, disk, keyring, daemon, records and settings.' 'completion:Complete commands, options and names with TAB in bash, zsh and fish.' 'version:Show the versions of this command and of the daemon that runs; starts none.' 'help:Show the help of a command, or a text about a topic.' 'demo:Walk through a whole session in the sandbox, in about half a minute.' 'sandbox:Simulated clouds on this computer.') ;;
    'sessions') described=('delete:End a session at once, and wait until it is off.' 'done:End a session gracefully, and wait until it is off.' 'extend:Move a session'\''s deadline.' 'get:Show everything about one session.' 'list:List open sessions.' 'receipt:Show the proof that a session'\''s instance is gone.') ;;
    'run') described=('ls:List the runs of a session, the newest first.' 'stop:Stop a run: SIGTERM to all its processes, and SIGKILL to what is left after 10 seconds.') ;;
    'costs') described=('show:Show costs: all of them, or those incurred in a span of time.' 'summary:Show totals by cloud, GPU and consumer, at once.') ;;
    'budget') described=('ls:Show all budgets.' 'rm:Remove a budget; nothing is limited by it any more.' 'set:Create or change a budget.' 'show:Show one budget: its limits, who holds most, what would end.') ;;
    'consumers') described=('add:Add one.' 'ls:List them with what they have cost.' 'rename:Give one another name.' 'show:Show one, by its name or by one that it had.') ;;
    'alarms') described=('ack:Acknowledge an alarm: it is no longer shown.' 'list:Show open alarms.') ;;
    'audit') described=('instances:Compare the clouds'\'' instance lists with our records.' 'log:Show every act that spent money or ended something, in order.') ;;
    'keys') described=('list:Show where each key and each registry login comes from; never the secret.' 'remove:Remove a stored key or login.' 'set:Store a key, typed without echo or piped in, after testing it with the cloud.' 'test:Test the stored key with the cloud.') ;;
    'config') described=('edit:Open config.toml in your editor ($VISUAL, $EDITOR); a faulty text is not stored, but opened again.' 'get:Print the value of one setting, from whichever source; an empty line if it is not set.' 'installation:Resolve a home folder that was copied or restored.' 'path:Print where config.toml is, whether or not it exists.' 'set:Set one setting in config.toml; everything else in it stays, comments included.' 'show:Show every setting and where it comes from; with -o wide, what it means.' 'unset:Remove one setting from config.toml: what is built in counts again.') ;;
    'notify') described=('add:Add a channel, or replace the one of that name.' 'ls:Show where alerts are sent, and what has not arrived.' 'rm:Remove a channel and its address.' 'test:Send a message over one channel, or over all.') ;;
    'ssh-config') described=('install:Add the line at the top of ~/.ssh/config; everything else stays as it is.' 'print:Print the line for ~/.ssh/config, and the entries it includes.' 'remove:Remove the line from ~/.ssh/config; everything else stays as it is.') ;;
    'daemon') described=('install:Let the system keep it running: a systemd user unit, or a LaunchAgent on macOS.' 'logs:Show the end of its log: text on a terminal, JSON lines elsewhere and with --json.' 'purge:Remove everything here: records, costs, kept outputs, keys, settings.' 'restart:Stop it and start it again; sessions continue.' 'run:Run in the foreground, for a supervisor or to watch it.' 'start:Start in the background, unless it runs.' 'status:Show whether it runs; starts nothing.' 'stop:Stop it.' 'uninstall:Stop it, and let the system start it no more.') ;;
    'backup') described=('ls:List the backups, the newest first.' 'make:Make one now: in FILE, which must not exist yet, or as the newest of the seven daily ones.' 'restore:Put a backup in the place of the records: a file, one that is listed, or `newest`.') ;;
    'completion') described=('bash:Print the script for bash.' 'fish:Print the script for fish.' 'install:Write the script, and let your shell read it at its start; without SHELL, for the one that $SHELL names.' 'uninstall:Remove the script and the line again.' 'zsh:Print the script for zsh.') ;;
    'sandbox') described=('advance:Move the sandbox'\''s clock forward; to the daemon it looks like sleep.' 'fault:Inject faults into the simulated clouds.' 'launch:Start a foreign instance on the same account.' 'ledger:Show the sandbox'\''s own ledger, which the receipts must match.' 'revise:Change an instance as its host or its operator would.' 'start:Start the sandbox; exits 0 when all its clouds answer.' 'status:Show the clouds'\'' addresses and the sandbox'\''s time.' 'stop:Stop the sandbox and its daemon; both continue from their files at the next start.') ;;
    'sandbox fault') described=('add:Add a fault to a cloud'\''s calls.' 'clear:Remove one fault, or all.' 'list:List the faults, and how often each acted.' 'words:List the words of faults, the calls they act on, and their arguments.') ;;
  esac
}

_gpu_shopper_home() {
  home=${GPU_SHOPPER_HOME:-}
  if [ -z "$home" ]; then
    case ${OSTYPE:-} in
      darwin*) home="$HOME/Library/Application Support/gpu-shopper" ;;
      *) home=${XDG_DATA_HOME:-$HOME/.local/share}/gpu-shopper ;;
    esac
  fi
  [ "$sandbox" = 0 ] || { home=$home/sandbox; return; }
  case $host in
    ''|local) ;;
    *[!A-Za-z0-9._-]*) home=$home/hosts/- ;;
    *) home=$home/hosts/$host ;;
  esac
}

_gpu_shopper_names() {
  local kind name rest home
  _gpu_shopper_home
  [ -r "$home/names" ] || return 0
  while IFS=$'\t' read -r kind name rest; do
    case " $1 " in *" $kind "*) [ "${3-}" != "" ] && [ "$3" != "$rest" ] || found+=("$name$2") ;; esac
  done <"$home/names"
}

# What a session's instance answers, line by line, each after a prefix; of a host that the daemon has listed alone.
_gpu_shopper_there() {
  local line home ask=(ssh -nT -o BatchMode=yes -o ConnectTimeout=2 -o LogLevel=QUIET)
  _gpu_shopper_home
  [ -r "$home/ssh/config" ] || return 0
  [[ $'\n'$(<"$home/ssh/config")$'\n' == *$'\n'"Host gpu-shopper-$1"$'\n'* ]] || return 0
  while IFS= read -r line; do
    [[ -z $line || $line == *[[:cntrl:]]* ]] || found+=("$3$line")
  done < <(command "${ask[@]}" -F "$home/ssh/config" "gpu-shopper-$1" "$2" 2>/dev/null | command head -c 65536)
}

_gpu_shopper_values() {
  local listed=${1#=}
  found=()
  case $1 in
    '='*) found=(${(s:,:)listed}) ;;
    gpu) found=(3060 3080 3090 4070 4080 4090 5080 5090 A4000 A5000 A6000 A10 A40 A100 H100 H200 B200 L4 L40 L40S T4 V100 RTX6000Ada) ;;
    cloud) found=(vast tensordock); _gpu_shopper_names account '' ;;
    backup) found=(newest); _gpu_shopper_names backup '' ;;
    session) _gpu_shopper_names open '' ;;
    any) _gpu_shopper_names 'open ended' '' ;;
    run)
      [ -n "$first" ] || return 0
      _gpu_shopper_there "$first" 'ls -1t "$HOME/.gpu-shopper/runs" 2>/dev/null | head -n 50' ''
      [ ${#found[@]} != 0 ] || _gpu_shopper_names run '' "$first" ;;
    remote)
      case $current in
        *:*[!A-Za-z0-9._/+@%~-]*|-*) ;;
        *:*) _gpu_shopper_there "${current%%:*}" "ls -1dp -- ${current#*:}* 2>/dev/null | head -n 200" "${current%%:*}:" ;;
        *) _gpu_shopper_names open : ;;
      esac ;;
    *) _gpu_shopper_names "$1" '' ;;
  esac
}

# Where the cursor is: `want` is what may stand there, a kind, or `verb` or `option`; `argument` what else than a verb.
_gpu_shopper_place() {
  local word skip= path= place=0 kind
  sandbox=0 host=${GPU_SHOPPER_HOST:-} want= first= argument=
  _gpu_shopper_spec ''
  for word in "$@"; do
    if [ -n "$skip" ]; then
      [ "$path$skip" != --host ] || host=$word
      skip=
      continue
    fi
    case $word in
      --) want=file; return ;;
      --sandbox) sandbox=1 ;;
      --host=*) [ -n "$path" ] || host=${word#*=} ;;
      -*) case " $valued " in *" $word:"*) skip=$word ;; esac ;;
      *)
        case " $verbs " in
          *" $word "*) path="$path${path:+ }$word"; _gpu_shopper_spec "$path" ;;
          *) first=${first:-$word}; place=$((place+1)) ;;
        esac ;;
    esac
  done
  case $skip$current in
    --*=*) case " $valued " in *" ${current%%=*}:"*) skip=${current%%=*}; current=${current#*=} ;; esac ;;
  esac
  if [ -n "$skip" ]; then
    want=" $valued"; want=${want#*" $skip:"}; want=${want%% *}
    return
  fi
  case $current in -*) want=option; return ;; esac
  for kind in ${=args}; do
    case $kind in
      *...) want=${kind%...}; break ;;
    esac
    [ "$place" != 0 ] || { want=$kind; break; }
    place=$((place-1))
  done
  [ -z "$verbs" ] || [ -n "$first" ] || { argument=$want; want=verb; }
}

_gpu_shopper() {
  emulate -L zsh
  setopt extended_glob
  local current=$PREFIX sandbox host want argument first verbs flags valued args
  local described_path
  local -a described found
  _gpu_shopper_place "${(@)words[2,CURRENT-1]}"
  [ "$current" = "$PREFIX" ] || compset -P '*='
  case $want in
    file) _files ;;
    option) compadd -- ${=flags} ${${=valued}%%:*} ;;
    verb)
      [ -z "$argument" ] || { _gpu_shopper_values "$argument"; compadd -- $found; }
      _gpu_shopper_described "$described_path"; _describe -t commands command described ;;
    ''|-) ;;
    remote) _gpu_shopper_values remote; compadd -S '' -- $found; [[ $current = *:* ]] || _files ;;
    *) _gpu_shopper_values "$want"; compadd -- $found ;;
  esac
}

if [ "$funcstack[1]" = _gpu_shopper ]; then
  _gpu_shopper "$@"
else
  (( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
  compdef _gpu_shopper gpu-shopper
fi
